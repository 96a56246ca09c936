import { describe, expect, test } from 'vitest';
import { outgoingRequest, TransactionBench } from '../../../test/support/transaction-bench.ts';
import { createResponse, Via } from '../message/index.ts';

describe('a request of ours', () => {
  test('goes out with a Via of ours on top: where the flow is reached, a new branch, rport (RFC 3261 §8.1.1.7, RFC 3581 §3)', () => {
    const bench = new TransactionBench();
    const first = bench.request('OPTIONS').request.topVia;
    const second = bench.request('OPTIONS').request.topVia;
    expect(first).toMatchObject({ transport: 'UDP', host: '203.0.113.1', port: 5070 });
    expect(first.params.get('branch')).toMatch(/^z9hG4bK.{16}$/);
    expect(first.params.get('rport')).toBeNull();
    expect(second.params.get('branch')).not.toBe(first.params.get('branch'));
    expect(bench.lastSent.topVia).toEqual(second);
    expect(new TransactionBench(undefined, { transport: 'tls' }).request('OPTIONS').request.topVia.transport).toBe(
      'TLS',
    );
  });

  test('hears its own responses and no others', () => {
    const bench = new TransactionBench();
    const heard: string[] = [];
    const first = bench.request('OPTIONS', (response) => heard.push(`first ${response.status}`));
    const second = bench.request('OPTIONS', (response) => heard.push(`second ${response.status}`));
    bench.answer(second, 200);
    bench.answer(first, 404);
    expect(heard).toEqual(['second 200', 'first 404']);
    expect(bench.layer.counters.strayResponses).toBe(0);
  });

  test('does not hear a response with its branch and the CSeq of another method (RFC 3261 §17.1.3)', () => {
    const bench = new TransactionBench();
    const options = bench.request('OPTIONS');
    const response = createResponse(options.request, 200);
    response.headers.set('CSeq', '7 INVITE');
    bench.layer.onMessage(response, bench.flow);
    bench.hasTold();
    expect(bench.layer.counters.strayResponses).toBe(1);
  });

  test('does not hear a response with a second Via: it was meant for somebody else (RFC 3261 §8.1.3.3)', () => {
    const bench = new TransactionBench();
    const response = createResponse(bench.request('OPTIONS').request, 200);
    response.headers.add('Via', 'SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKother');
    bench.layer.onMessage(response, bench.flow);
    bench.hasTold();
    expect(bench.layer.counters.strayResponses).toBe(1);
  });

  test('that is over is not disturbed by late responses: they are counted and dropped', () => {
    const bench = new TransactionBench();
    const options = bench.request('OPTIONS');
    bench.advance(32_000);
    bench.answer(options, 200);
    bench.hasTold('32000 timeout', '32000 terminated');
    expect(bench.layer.counters.strayResponses).toBe(1);
    bench.isOver(options);
  });

  test('ends once, also when what it tells its user makes the user end it', () => {
    const bench = new TransactionBench();
    const invite = bench.request('INVITE', () => invite.abandon());
    bench.answer(invite, 180);
    bench.hasTold('0 180', '0 terminated');
    bench.isOver(invite);
  });
});

describe('a stream that is lost', () => {
  test('is reported to all who wait for a response on it, at once and to nobody else', () => {
    const bench = new TransactionBench(undefined, { transport: 'tcp' });
    const options = bench.request('OPTIONS');
    const invite = bench.request('INVITE');
    const answered = bench.request('INVITE');
    bench.answer(answered, 200);
    bench.advance(1_000);
    const heard: string[] = [];
    const user = { onResponse: () => {}, onFailure: (failure: string) => heard.push(failure) };
    bench.layer.request(outgoingRequest('OPTIONS'), bench.open('tls'), user);
    bench.flow.cut();
    bench.hasTold(
      '0 200',
      ...['1000 transport error', '1000 terminated'],
      ...['1000 transport error', '1000 terminated'],
    );
    expect(heard).toEqual([]);
    expect([options.state, invite.state, answered.state]).toEqual(['terminated', 'terminated', 'accepted']);
    bench.advance(32_000);
    bench.isOver(answered);
  });

  test('is reported to what is sent on it afterwards too, but not from within the call that sends', () => {
    const bench = new TransactionBench(undefined, { transport: 'tcp' });
    bench.request('OPTIONS');
    bench.flow.cut();
    const again = bench.request('OPTIONS');
    bench.hasTold('0 transport error', '0 terminated');
    bench.advance(0);
    bench.hasTold('0 transport error', '0 terminated', '0 transport error', '0 terminated');
    bench.isOver(again);
  });

  test('says nothing to a datagram, whose peer may answer all the same', () => {
    const bench = new TransactionBench();
    const options = bench.request('OPTIONS');
    bench.flow.cut();
    bench.answer(options, 200);
    bench.hasTold('0 200');
  });
});

describe('the ACK of a refusal', () => {
  const routes = ['<sip:edge.example.com;lr>', '<sip:core.example.com;lr>'];

  test('goes the way of its INVITE, as part of it (RFC 3261 §17.1.1.3)', () => {
    const bench = new TransactionBench();
    const request = outgoingRequest('INVITE', { Contact: '<sip:alice@192.0.2.1>', Require: '100rel' });
    for (const route of routes) request.headers.add('Route', route);
    request.headers.add('Via', 'SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKbelow');
    const invite = bench.request(request);
    bench.answer(invite, 486, 'desk');

    const ack = bench.lastSent;
    if (ack.kind !== 'request') throw new Error('a request was expected');
    expect(ack.method).toBe('ACK');
    expect(ack.uriText).toBe('sip:bob@192.0.2.2');
    expect(ack.headers.all(Via)).toEqual([invite.request.topVia]);
    expect(ack.headers.get('Max-Forwards')).toBe('70');
    expect(ack.headers.getAll('Route')).toEqual(routes);
    expect(ack.headers.get('From')).toBe('<sip:alice@192.0.2.1>;tag=alice');
    expect(ack.headers.get('To')).toBe('<sip:bob@192.0.2.2>;tag=desk');
    expect(ack.callId).toBe('call-1');
    expect(ack.cseq).toEqual({ number: 7, method: 'ACK' });
    expect(ack.headers.has('Contact') || ack.headers.has('Require')).toBe(false);
  });

  test('is the same to the byte when the refusal is repeated, even by another element', () => {
    const bench = new TransactionBench();
    const invite = bench.request('INVITE');
    bench.answer(invite, 486, 'desk');
    bench.advance(500);
    bench.answer(invite, 486, 'desk');
    bench.answer(invite, 503, 'proxy');
    bench.hasSent('0 INVITE', '0 ACK', '500 ACK', '500 ACK');
    expect(bench.wire[2]).toEqual(bench.wire[1]);
    expect(bench.wire[3]).toEqual(bench.wire[1]);
  });
});

describe('the ACK of a 2xx (RFC 3261 §13.2.2.4)', () => {
  test('has a branch of its own and no transaction; its bytes serve to repeat it', () => {
    const bench = new TransactionBench();
    const invite = bench.request('INVITE');
    bench.answer(invite, 200);
    const { size } = bench.layer;
    const bytes = bench.layer.sendAck(outgoingRequest('ACK'), bench.flow);
    expect(bench.lastSent.topVia).toMatchObject({ host: '203.0.113.1', port: 5070 });
    expect(bench.lastSent.topVia.params.get('branch')).toMatch(/^z9hG4bK.{16}$/);
    expect(bench.lastSent.topVia).not.toEqual(invite.request.topVia);
    expect(bench.layer.size).toEqual(size);

    bench.layer.resend(bytes, bench.flow);
    bench.hasSent('0 INVITE', '0 ACK', '0 ACK');
    expect(bench.wire[2]).toEqual(bench.wire[1]);
    expect(bench.layer.counters.retransmissions).toBe(1);
  });
});

describe('a CANCEL of ours', () => {
  test('has the branch, the CSeq number and the Route of its INVITE, and what its sender adds (RFC 3261 §9.1)', () => {
    const bench = new TransactionBench();
    const invite = bench.request(outgoingRequest('INVITE', { Route: '<sip:edge.example.com;lr>', Require: '100rel' }));
    bench.answer(invite, 180);
    bench.layer.cancel(invite, { Reason: 'SIP;cause=200' });
    const cancel = bench.lastSent;
    if (cancel.kind !== 'request') throw new Error('a request was expected');
    expect(cancel.method).toBe('CANCEL');
    expect(cancel.uriText).toBe('sip:bob@192.0.2.2');
    expect(cancel.headers.all(Via)).toEqual([invite.request.topVia]);
    expect(cancel.headers.get('Route')).toBe('<sip:edge.example.com;lr>');
    expect(cancel.headers.get('To')).toBe('<sip:bob@192.0.2.2>');
    expect(cancel.cseq).toEqual({ number: 7, method: 'CANCEL' });
    expect(cancel.headers.get('Reason')).toBe('SIP;cause=200');
    expect(cancel.headers.has('Require')).toBe(false);
  });

  test('is a transaction of its own: its 200 is not the answer to the INVITE', () => {
    const bench = new TransactionBench();
    const invite = bench.request('INVITE');
    bench.answer(invite, 180);
    const cancel = bench.layer.cancel(invite);
    bench.advance(500);
    bench.answer(cancel, 200);
    expect([invite.state, cancel.state]).toEqual(['proceeding', 'completed']);
    bench.answer(invite, 487);
    bench.hasSent('0 INVITE', '0 CANCEL', '500 CANCEL', '500 ACK');
    bench.hasTold('0 180', '500 487');
    bench.advance(32_000);
    bench.isOver(invite);
  });

  test('may be sent twice, and both are forgotten', () => {
    const bench = new TransactionBench();
    const invite = bench.request('INVITE');
    bench.answer(invite, 180);
    bench.layer.cancel(invite);
    bench.advance(5_000);
    const second = bench.layer.cancel(invite);
    bench.advance(27_000);
    bench.answer(second, 200);
    expect(second.state).toBe('completed');
    bench.answer(invite, 487);
    bench.advance(32_000);
    bench.isOver(second);
  });
});
