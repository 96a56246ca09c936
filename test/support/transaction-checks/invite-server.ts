import assert from 'node:assert/strict';
import { type Checks, TransactionBench } from '../transaction-bench.ts';

/** How an INVITE to us must be treated (RFC 3261 §17.2.1, RFC 6026 §7.1). */
export const inviteServerChecks: Checks = {
  'it gets a 100 after 200 ms where its user is silent, and that again when repeated (RFC 3261 §17.2.1)': (
    machines,
  ) => {
    const bench = new TransactionBench(machines);
    const invite = bench.receive('INVITE');
    bench.stands(invite, 'proceeding', 1);
    bench.advance(199);
    bench.hasSent();
    bench.advance(1);
    bench.hasSent('200 100');
    bench.stands(invite, 'proceeding', 0);
    bench.advance(300);
    bench.receive('INVITE');
    bench.stands(invite, 'proceeding', 0);
    bench.advance(180_000);
    bench.hasSent('200 100', '500 100');
    assert.deepEqual(bench.wire[1], bench.wire[0]);
    assert.equal(bench.requests.length, 1);
    bench.hasTold();
  },

  'one that is abandoned is forgotten without an answer': (machines) => {
    const bench = new TransactionBench(machines);
    const invite = bench.receive('INVITE');
    invite.abandon();
    bench.isOver(invite);
    bench.hasSent();
    bench.hasTold('0 terminated');
  },

  'a repetition before anything was answered is absorbed': (machines) => {
    const bench = new TransactionBench(machines);
    bench.receive('INVITE');
    bench.receive('INVITE');
    bench.hasSent();
    assert.equal(bench.requests.length, 1);
  },

  'provisional responses replace the 100, and the last one is repeated': (machines) => {
    const bench = new TransactionBench(machines);
    const invite = bench.receive('INVITE');
    bench.respond(invite, 180);
    bench.stands(invite, 'proceeding', 0);
    bench.advance(500);
    bench.receive('INVITE');
    bench.respond(invite, 183);
    bench.stands(invite, 'proceeding', 0);
    bench.advance(1_000);
    bench.receive('INVITE');
    bench.hasSent('0 180', '500 180', '500 183', '1500 183');
    assert.deepEqual(bench.layer.counters, { retransmissions: 2, timeouts: 0, strayResponses: 0 });
  },

  'a 2xx goes once; repeated INVITEs are absorbed until timer L, 64·T1 later (RFC 6026 §7.1)': (machines) => {
    for (const transport of ['udp', 'tcp'] as const) {
      const bench = new TransactionBench(machines, { transport });
      const invite = bench.receive('INVITE');
      bench.advance(100);
      bench.respond(invite, 200);
      bench.stands(invite, 'accepted', 1);
      bench.advance(31_999);
      bench.receive('INVITE');
      bench.stands(invite, 'accepted', 1);
      bench.advance(1);
      bench.hasSent('100 200');
      bench.hasTold('32100 terminated');
      assert.equal(bench.requests.length, 1);
      bench.isOver(invite);
    }
  },

  'its user repeats the 2xx through it, and a refusal is too late then (RFC 6026 §7.1)': (machines) => {
    const bench = new TransactionBench(machines);
    const invite = bench.receive('INVITE');
    bench.respond(invite, 200);
    bench.advance(500);
    bench.respond(invite, 200);
    bench.stands(invite, 'accepted', 1);
    bench.respond(invite, 486);
    bench.respond(invite, 180);
    bench.stands(invite, 'accepted', 1);
    bench.hasSent('0 200', '500 200');
    bench.advance(31_500);
    bench.hasTold('32000 terminated');
    bench.isOver(invite);
  },

  'an ACK of the 2xx with the branch of the INVITE passes up, each time (RFC 3261 §17.2.3, RFC 2543)': (machines) => {
    const bench = new TransactionBench(machines);
    const invite = bench.receive('INVITE');
    bench.respond(invite, 200);
    bench.receive('ACK', { toTag: invite.localTag });
    bench.stands(invite, 'accepted', 1);
    bench.receive('ACK', { toTag: invite.localTag });
    bench.stands(invite, 'accepted', 1);
    bench.hasTold('0 ACK', '0 ACK');
    assert.deepEqual(bench.acks, []);
  },

  'over UDP a refusal is repeated with intervals that double up to T2, until timer H (RFC 3261 §17.2.1)': (
    machines,
  ) => {
    const bench = new TransactionBench(machines);
    const invite = bench.receive('INVITE');
    bench.respond(invite, 486);
    bench.stands(invite, 'completed', 2);
    bench.advance(500);
    bench.stands(invite, 'completed', 2);
    bench.advance(60_000);
    const times = [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    bench.hasSent(...times.map((at) => `${at} 486`));
    bench.hasTold('32000 timeout', '32000 terminated');
    assert.deepEqual(bench.layer.counters, { retransmissions: 10, timeouts: 1, strayResponses: 0 });
    bench.isOver(invite);
  },

  'over a stream a refusal goes once and waits as long for its ACK': (machines) => {
    const bench = new TransactionBench(machines, { transport: 'tcp' });
    const invite = bench.receive('INVITE');
    bench.respond(invite, 486);
    bench.stands(invite, 'completed', 1);
    bench.advance(31_999);
    bench.hasTold();
    bench.advance(1);
    bench.hasSent('0 486');
    bench.hasTold('32000 timeout', '32000 terminated');
    bench.isOver(invite);
  },

  'timers G, H, I and L follow T1, T2 and T4': (machines) => {
    const timers = { t1: 100, t2: 300, t4: 700 };
    const refused = new TransactionBench(machines, { timers });
    refused.respond(refused.receive('INVITE'), 486);
    refused.advance(1_000);
    refused.hasSent('0 486', '100 486', '300 486', '600 486', '900 486');
    refused.advance(5_400);
    refused.hasTold('6400 timeout', '6400 terminated');

    const acknowledged = new TransactionBench(machines, { timers });
    acknowledged.respond(acknowledged.receive('INVITE'), 486);
    acknowledged.receive('ACK');
    acknowledged.advance(700);
    acknowledged.hasTold('700 terminated');

    const accepted = new TransactionBench(machines, { timers });
    accepted.respond(accepted.receive('INVITE'), 200);
    accepted.advance(6_400);
    accepted.hasTold('6400 terminated');
  },

  'a repeated INVITE gets the refusal again': (machines) => {
    const bench = new TransactionBench(machines, { transport: 'tcp' });
    const invite = bench.receive('INVITE');
    bench.respond(invite, 486);
    bench.advance(250);
    bench.receive('INVITE');
    bench.stands(invite, 'completed', 1);
    bench.hasSent('0 486', '250 486');
    assert.equal(bench.requests.length, 1);
  },

  'the first final response stands': (machines) => {
    const bench = new TransactionBench(machines, { transport: 'tcp' });
    const invite = bench.receive('INVITE');
    bench.respond(invite, 486);
    for (const status of [200, 180, 603]) bench.respond(invite, status);
    bench.receive('INVITE');
    bench.stands(invite, 'completed', 1);
    bench.hasSent('0 486', '0 486');
  },

  'the ACK ends the repetitions of a refusal; what comes within T4 is absorbed, timer I (RFC 3261 §17.2.1)': (
    machines,
  ) => {
    const bench = new TransactionBench(machines);
    const invite = bench.receive('INVITE');
    bench.respond(invite, 486);
    bench.advance(600);
    bench.receive('ACK', { toTag: invite.localTag });
    bench.stands(invite, 'confirmed', 1);
    bench.advance(4_999);
    bench.receive('ACK', { toTag: invite.localTag });
    bench.receive('INVITE');
    bench.stands(invite, 'confirmed', 1);
    bench.advance(1);
    bench.hasSent('0 486', '500 486');
    bench.hasTold('5600 terminated');
    assert.deepEqual(bench.acks, []);
    bench.isOver(invite);
  },

  'over a stream timer I is 0': (machines) => {
    const bench = new TransactionBench(machines, { transport: 'tcp' });
    const invite = bench.receive('INVITE');
    bench.respond(invite, 486);
    bench.receive('ACK', { toTag: invite.localTag });
    bench.stands(invite, 'confirmed', 1);
    bench.advance(0);
    bench.hasTold('0 terminated');
    bench.isOver(invite);
  },

  'a refusal without a provisional response before it leaves no 100 behind': (machines) => {
    const bench = new TransactionBench(machines, { transport: 'tcp' });
    const invite = bench.receive('INVITE');
    bench.respond(invite, 404);
    bench.stands(invite, 'completed', 1);
    bench.advance(1_000);
    bench.hasSent('0 404');
  },

  'a provisional response that could not be sent is reported and ends nothing (RFC 6026 §8.8)': (machines) => {
    const bench = new TransactionBench(machines);
    const invite = bench.receive('INVITE');
    bench.flow.failing = true;
    bench.respond(invite, 180);
    bench.advance(0);
    bench.stands(invite, 'proceeding', 0);
    bench.hasTold('0 transport error');
    bench.receive('INVITE');
    bench.advance(0);
    bench.hasSent('0 180', '0 180');
    bench.hasTold('0 transport error', '0 transport error');
  },

  'a 2xx that could not be sent is reported and ends nothing (RFC 6026 §8.8)': (machines) => {
    const bench = new TransactionBench(machines);
    const invite = bench.receive('INVITE');
    bench.flow.failing = true;
    bench.respond(invite, 200);
    bench.advance(0);
    bench.stands(invite, 'accepted', 1);
    bench.hasTold('0 transport error');
    bench.advance(32_000);
    bench.hasTold('0 transport error', '32000 terminated');
    bench.isOver(invite);
  },

  'a refusal that could not be sent is sent again when its time comes': (machines) => {
    const bench = new TransactionBench(machines);
    const invite = bench.receive('INVITE');
    bench.flow.failing = true;
    bench.respond(invite, 486);
    bench.advance(0);
    bench.stands(invite, 'completed', 2);
    bench.advance(500);
    bench.hasSent('0 486', '500 486');
    bench.hasTold();
  },

  'a challenge goes once, and nothing is remembered: what comes again is new (RFC 3261 §8.2.7, §26.3.2.4)': (
    machines,
  ) => {
    for (const status of [401, 407]) {
      const bench = new TransactionBench(machines);
      const invite = bench.receive('INVITE');
      bench.respond(invite, status);
      bench.isOver(invite);
      bench.hasTold('0 terminated');
      bench.advance(60_000);
      bench.hasSent(`0 ${status}`);
      bench.receive('INVITE');
      assert.equal(bench.requests.length, 2);
    }
  },

  'a stranger that is refused hears it again when it asks, and never unasked': (machines) => {
    const bench = new TransactionBench(machines);
    const invite = bench.receive('INVITE');
    bench.answerStranger(invite, 482);
    bench.stands(invite, 'completed', 1);
    bench.advance(500);
    bench.receive('INVITE');
    bench.advance(31_499);
    bench.hasTold();
    bench.advance(1);
    bench.hasSent('0 482', '500 482');
    bench.hasTold('32000 timeout', '32000 terminated');
    assert.equal(bench.requests.length, 1);
    bench.isOver(invite);

    const acknowledged = new TransactionBench(machines);
    const other = acknowledged.receive('INVITE');
    acknowledged.answerStranger(other, 482);
    acknowledged.receive('ACK', { toTag: other.localTag });
    acknowledged.advance(5_000);
    acknowledged.isOver(other);
  },
};
