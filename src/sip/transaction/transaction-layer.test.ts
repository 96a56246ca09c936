import { describe, expect, test } from 'vitest';
import { incomingRequest, TransactionBench } from '../../../test/support/transaction-bench.ts';
import { SeededRandom, silentLog, VirtualClock } from '../../base/index.ts';
import { TransportLayer } from '../transport/index.ts';
import { TransactionLayer } from './transaction-layer.ts';

const statusesOf = (bench: TransactionBench) => bench.sent.map((line) => line.split(' ')[1]);

describe('a request to us', () => {
  test('comes up once, with one To tag for all its responses', () => {
    const bench = new TransactionBench();
    const invite = bench.receive('INVITE');
    expect(invite.request.callId).toBe('call-1');
    expect(invite.localTag).toMatch(/^.{10}$/);
    expect(invite.localTag).toBe(invite.localTag);
    expect(bench.receive('INVITE', { branch: 'z9hG4bKnext', callId: 'call-2' }).localTag).not.toBe(invite.localTag);
  });

  test('is answered from its final response on', () => {
    const bench = new TransactionBench();
    const accepted = bench.receive('INVITE');
    bench.respond(accepted, 180);
    expect(accepted.answered).toBe(false);
    bench.respond(accepted, 200);
    expect(accepted.answered).toBe(true);
    const options = bench.receive('OPTIONS', { branch: 'z9hG4bKoptions' });
    expect(options.answered).toBe(false);
    bench.respond(options, 404);
    expect(options.answered).toBe(true);
  });

  test('is dropped as long as nobody answers requests', () => {
    const clock = new VirtualClock();
    const bench = new TransactionBench();
    const layer = new TransactionLayer({
      transport: new TransportLayer({ transports: [], log: silentLog }),
      clock,
      random: new SeededRandom(1),
    });
    for (const method of ['INVITE', 'OPTIONS', 'ACK', 'CANCEL']) layer.onMessage(incomingRequest(method), bench.flow);
    expect(layer.size).toEqual({ client: 0, server: 0 });
    expect(clock.pending).toBe(0);
    bench.hasSent();
  });

  test('of an element of RFC 2543 is absorbed when repeated and matched with its ACK (RFC 3261 §17.2.3)', () => {
    const bench = new TransactionBench();
    const invite = bench.receive('INVITE', { branch: null });
    bench.respond(invite, 486);
    bench.receive('INVITE', { branch: null });
    expect(bench.requests).toHaveLength(1);
    bench.receive('ACK', { branch: null, toTag: invite.localTag });
    expect(invite.state).toBe('confirmed');
    expect(bench.acks).toEqual([]);
  });
});

describe('an ACK to us', () => {
  test('with a branch of its own goes up: that of a 2xx (RFC 3261 §13.2.2.4)', () => {
    const bench = new TransactionBench();
    const invite = bench.receive('INVITE');
    bench.respond(invite, 200);
    bench.receive('ACK', { branch: 'z9hG4bKack', toTag: invite.localTag });
    expect(bench.acks.map((ack) => ack.toTag)).toEqual([invite.localTag]);
    bench.hasTold();
    expect(bench.layer.size.server).toBe(1);
  });

  test('with the branch of the INVITE and another CSeq is not that of its refusal', () => {
    const bench = new TransactionBench();
    const invite = bench.receive('INVITE');
    bench.respond(invite, 486);
    bench.receive('ACK', { cseq: 2 });
    expect(invite.state).toBe('completed');
    expect(bench.acks).toHaveLength(1);
  });

  test('that belongs to nothing goes up and leaves nothing behind', () => {
    const bench = new TransactionBench();
    bench.layer.onMessage(incomingRequest('ACK'), bench.flow);
    expect(bench.acks).toHaveLength(1);
    expect(bench.layer.size).toEqual({ client: 0, server: 0 });
    bench.hasSent();
  });
});

describe('a CANCEL to us', () => {
  test('comes up once with the INVITE that it means (RFC 3261 §9.2)', () => {
    const bench = new TransactionBench();
    const invite = bench.receive('INVITE');
    bench.receive('CANCEL');
    bench.receive('CANCEL');
    expect(bench.cancels).toHaveLength(1);
    expect(bench.cancels[0]!.invite).toBe(invite);
    expect(bench.requests).toEqual([invite]);
  });

  test('comes up with it also when the INVITE has its answer', () => {
    const bench = new TransactionBench();
    const invite = bench.receive('INVITE');
    bench.respond(invite, 200);
    bench.receive('CANCEL');
    expect(bench.cancels[0]!.invite).toBe(invite);
  });

  test.each([
    ['of another branch', { branch: 'z9hG4bKother' }],
    ['of another sender', { sentBy: '192.0.2.3:5060' }],
  ])('means no INVITE %s', (_, parts) => {
    const bench = new TransactionBench();
    bench.receive('INVITE');
    bench.receive('CANCEL', parts);
    expect(bench.cancels.map(({ invite }) => invite)).toEqual([undefined]);
  });

  test('of an element of RFC 2543 finds its INVITE', () => {
    const bench = new TransactionBench();
    const invite = bench.receive('INVITE', { branch: null });
    bench.receive('CANCEL', { branch: null });
    expect(bench.cancels[0]!.invite).toBe(invite);
  });

  test('is answered and forgotten like any other request', () => {
    const bench = new TransactionBench();
    bench.layer.onMessage(incomingRequest('CANCEL'), bench.flow);
    const { cancel } = bench.cancels[0]!;
    bench.respond(cancel, 481);
    bench.advance(32_000);
    bench.hasSent('0 481');
    bench.isOver(cancel);
  });
});

describe('a request that reaches us by several ways (RFC 3261 §8.2.2.2)', () => {
  test('comes up the first time and is refused with 482 every other', () => {
    const bench = new TransactionBench();
    const first = bench.receive('OPTIONS');
    bench.receive('OPTIONS', { branch: 'z9hG4bKsecond' });
    bench.receive('OPTIONS', { branch: 'z9hG4bKthird' });
    expect(bench.requests).toEqual([first]);
    bench.hasSent('0 482', '0 482');
    bench.respond(first, 200);
    bench.receive('OPTIONS', { branch: 'z9hG4bKsecond' });
    expect(statusesOf(bench)).toEqual(['482', '482', '200', '482']);
    bench.advance(32_000);
    bench.isOver(first);
  });

  test('waits for the ACK of a merged INVITE, and the first goes on', () => {
    const bench = new TransactionBench();
    const first = bench.receive('INVITE');
    bench.respond(first, 180);
    bench.receive('INVITE', { branch: 'z9hG4bKsecond' });
    bench.advance(500);
    bench.receive('ACK', { branch: 'z9hG4bKsecond' });
    bench.hasSent('0 180', '0 482');
    bench.advance(5_000);
    expect(bench.layer.size.server).toBe(1);
    expect(first.state).toBe('proceeding');
    expect(bench.acks).toEqual([]);
  });

  test('is a new one when the first is forgotten', () => {
    const bench = new TransactionBench();
    bench.respond(bench.receive('OPTIONS'), 200);
    bench.advance(32_000);
    bench.receive('OPTIONS', { branch: 'z9hG4bKsecond' });
    expect(bench.requests).toHaveLength(2);
  });

  test('stays merged when a merged one is forgotten before the first', () => {
    const bench = new TransactionBench();
    const first = bench.receive('INVITE');
    bench.receive('INVITE', { branch: 'z9hG4bKsecond' });
    bench.receive('ACK', { branch: 'z9hG4bKsecond' });
    bench.advance(5_000);
    bench.receive('INVITE', { branch: 'z9hG4bKthird' });
    expect(bench.requests).toEqual([first]);
  });

  test.each([
    ['a retry with credentials, whose CSeq is higher', { cseq: 2 }],
    ['a request of another sender', { fromTag: 'carol' }],
    ['a request of another call', { callId: 'call-2' }],
  ])('is not %s', (_, parts) => {
    const bench = new TransactionBench();
    bench.respond(bench.receive('INVITE'), 401);
    bench.receive('INVITE', { branch: 'z9hG4bKsecond', ...parts });
    expect(bench.requests).toHaveLength(2);
    bench.hasSent('0 401');
  });

  test('is not one inside a dialog, nor a CANCEL', () => {
    const bench = new TransactionBench();
    bench.receive('INFO', { toTag: 'ours' });
    bench.receive('INFO', { toTag: 'ours', branch: 'z9hG4bKsecond' });
    expect(bench.requests).toHaveLength(2);
    bench.receive('CANCEL');
    bench.receive('CANCEL', { branch: 'z9hG4bKsecond' });
    expect(bench.cancels).toHaveLength(2);
    bench.hasSent();
  });
});
