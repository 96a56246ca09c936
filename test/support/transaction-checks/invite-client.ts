import assert from 'node:assert/strict';
import { type Checks, TransactionBench } from '../transaction-bench.ts';

/** What an INVITE of ours must do (RFC 3261 §17.1.1, RFC 6026 §7.2). */
export const inviteClientChecks: Checks = {
  'over UDP it is repeated with doubling intervals until timer B gives up (RFC 3261 §17.1.1.2)': (machines) => {
    const bench = new TransactionBench(machines);
    const invite = bench.request('INVITE');
    bench.stands(invite, 'calling', 2);
    bench.advance(500);
    bench.stands(invite, 'calling', 2);
    bench.advance(60_000);
    bench.hasSent(
      '0 INVITE',
      '500 INVITE',
      '1500 INVITE',
      '3500 INVITE',
      '7500 INVITE',
      '15500 INVITE',
      '31500 INVITE',
    );
    bench.hasTold('32000 timeout', '32000 terminated');
    assert.deepEqual(bench.layer.counters, { retransmissions: 6, timeouts: 1, strayResponses: 0 });
    bench.isOver(invite);
  },

  'over a stream it goes once and has the same 64·T1 (RFC 3261 §17.1.1.2)': (machines) => {
    const bench = new TransactionBench(machines, { transport: 'tcp' });
    const invite = bench.request('INVITE');
    bench.stands(invite, 'calling', 1);
    bench.advance(31_999);
    bench.hasTold();
    bench.advance(1);
    bench.hasSent('0 INVITE');
    bench.hasTold('32000 timeout', '32000 terminated');
    bench.isOver(invite);
  },

  'timers A, B and M follow T1': (machines) => {
    const bench = new TransactionBench(machines, { timers: { t1: 100 } });
    bench.request('INVITE');
    bench.advance(6_400);
    bench.hasSent('0 INVITE', '100 INVITE', '300 INVITE', '700 INVITE', '1500 INVITE', '3100 INVITE', '6300 INVITE');
    bench.hasTold('6400 timeout', '6400 terminated');

    const answered = new TransactionBench(machines, { timers: { t1: 100 } });
    answered.answer(answered.request('INVITE'), 200);
    answered.advance(6_400);
    answered.hasTold('0 200', '6400 terminated');
  },

  'a provisional response ends repetitions and timer B; each one passes up (RFC 3261 §17.1.1.2)': (machines) => {
    const bench = new TransactionBench(machines);
    const invite = bench.request('INVITE');
    bench.advance(100);
    bench.answer(invite, 100);
    bench.stands(invite, 'proceeding', 0);
    bench.answer(invite, 180);
    bench.stands(invite, 'proceeding', 0);
    bench.advance(180_000);
    bench.answer(invite, 180);
    bench.stands(invite, 'proceeding', 0);
    bench.hasSent('0 INVITE');
    bench.hasTold('100 100', '100 180', '180100 180');
  },

  'without a provisional response a 2xx passes up, and each further one until timer M (RFC 6026 §7.2)': (machines) => {
    const bench = new TransactionBench(machines);
    const invite = bench.request('INVITE');
    bench.advance(100);
    bench.answer(invite, 200);
    bench.stands(invite, 'accepted', 1);
    bench.advance(31_000);
    bench.answer(invite, 200, 'carol');
    bench.stands(invite, 'accepted', 1);
    bench.advance(999);
    bench.answer(invite, 200);
    bench.stands(invite, 'accepted', 1);
    bench.advance(1);
    bench.hasSent('0 INVITE');
    bench.hasTold('100 200', '31100 200', '32099 200', '32100 terminated');
    bench.isOver(invite);
  },

  'after a provisional response a 2xx is the same; over a stream timer M runs too (RFC 6026 §8.4)': (machines) => {
    const bench = new TransactionBench(machines, { transport: 'tcp' });
    const invite = bench.request('INVITE');
    bench.answer(invite, 180);
    bench.advance(9_000);
    bench.answer(invite, 200);
    bench.stands(invite, 'accepted', 1);
    bench.answer(invite, 200, 'carol');
    bench.advance(31_999);
    bench.stands(invite, 'accepted', 1);
    bench.advance(1);
    bench.hasTold('0 180', '9000 200', '9000 200', '41000 terminated');
    bench.isOver(invite);
  },

  'once accepted, late provisional responses and refusals of other branches are ignored': (machines) => {
    const bench = new TransactionBench(machines);
    const invite = bench.request('INVITE');
    bench.answer(invite, 200);
    bench.answer(invite, 180, 'carol');
    bench.answer(invite, 486, 'carol');
    bench.stands(invite, 'accepted', 1);
    bench.hasSent('0 INVITE');
    bench.hasTold('0 200');
  },

  'a refusal gets its ACK, repetitions get it again and go no further until timer D (RFC 3261 §17.1.1.2)': (
    machines,
  ) => {
    const bench = new TransactionBench(machines);
    const invite = bench.request('INVITE');
    bench.advance(100);
    bench.answer(invite, 486);
    bench.stands(invite, 'completed', 1);
    bench.hasSent('0 INVITE', '100 ACK');
    bench.advance(500);
    bench.answer(invite, 486);
    bench.stands(invite, 'completed', 1);
    bench.advance(31_499);
    bench.answer(invite, 486);
    bench.stands(invite, 'completed', 1);
    bench.hasSent('0 INVITE', '100 ACK', '600 ACK', '32099 ACK');
    assert.deepEqual(bench.wire[2], bench.wire[1]);
    bench.advance(1);
    bench.hasTold('100 486', '32100 terminated');
    bench.isOver(invite);
  },

  'a refusal after a provisional response is the same, and what else comes late is ignored': (machines) => {
    const bench = new TransactionBench(machines);
    const invite = bench.request('INVITE');
    bench.answer(invite, 180);
    bench.answer(invite, 302);
    bench.stands(invite, 'completed', 1);
    bench.answer(invite, 180);
    bench.answer(invite, 200);
    bench.hasSent('0 INVITE', '0 ACK');
    bench.advance(32_000);
    bench.hasTold('0 180', '0 302', '32000 terminated');
    bench.isOver(invite);
  },

  'over a stream nothing is repeated and timer D is 0': (machines) => {
    const bench = new TransactionBench(machines, { transport: 'tls' });
    const invite = bench.request('INVITE');
    bench.answer(invite, 603);
    bench.stands(invite, 'completed', 1);
    bench.advance(0);
    bench.hasSent('0 INVITE', '0 ACK');
    bench.hasTold('0 603', '0 terminated');
    bench.isOver(invite);
  },

  'timer D is at least 32 s for a small T1, and 64·T1 for a large one': (machines) => {
    for (const [t1, timerD] of [
      [100, 32_000],
      [1_000, 64_000],
    ] as const) {
      const bench = new TransactionBench(machines, { timers: { t1 } });
      const invite = bench.request('INVITE');
      bench.answer(invite, 486);
      bench.advance(timerD - 1);
      bench.stands(invite, 'completed', 1);
      bench.advance(1);
      bench.isOver(invite);
    }
  },

  'what could not be sent is reported at once and once': (machines) => {
    const bench = new TransactionBench(machines, { transport: 'tcp' });
    bench.flow.failing = true;
    const invite = bench.request('INVITE');
    bench.hasTold();
    bench.flow.cut();
    bench.advance(0);
    bench.hasTold('0 transport error', '0 terminated');
    bench.isOver(invite);
  },

  'an ICMP error on a repetition is reported (RFC 3261 §18.4)': (machines) => {
    const bench = new TransactionBench(machines);
    const invite = bench.request('INVITE');
    bench.flow.failing = true;
    bench.advance(500);
    bench.hasTold('500 transport error', '500 terminated');
    bench.isOver(invite);
  },

  'a stream that is lost while it rings is reported at once': (machines) => {
    const bench = new TransactionBench(machines, { transport: 'tcp' });
    const invite = bench.request('INVITE');
    bench.answer(invite, 180);
    bench.advance(3_000);
    bench.flow.cut();
    bench.hasTold('0 180', '3000 transport error', '3000 terminated');
    bench.isOver(invite);
  },

  'a stream that is lost after the answer changes nothing': (machines) => {
    const bench = new TransactionBench(machines, { transport: 'tcp' });
    const invite = bench.request('INVITE');
    bench.answer(invite, 200);
    bench.flow.cut();
    bench.stands(invite, 'accepted', 1);
    bench.hasTold('0 200');
  },

  'one that is abandoned is forgotten without a word (RFC 3261 §9.1)': (machines) => {
    const bench = new TransactionBench(machines);
    const calling = bench.request('INVITE');
    calling.abandon();
    bench.isOver(calling);
    const proceeding = bench.request('INVITE');
    bench.answer(proceeding, 180);
    proceeding.abandon();
    bench.hasTold('0 terminated', '0 180', '0 terminated');
    bench.isOver(proceeding);
  },

  'one that has its answer can not be abandoned: further 2xx and repeated refusals are still taken care of': (
    machines,
  ) => {
    const bench = new TransactionBench(machines);
    const accepted = bench.request('INVITE');
    bench.answer(accepted, 200);
    accepted.abandon();
    bench.stands(accepted, 'accepted', 1);
    const completed = bench.request('INVITE');
    bench.answer(completed, 486);
    completed.abandon();
    bench.stands(completed, 'completed', 2);
  },
};
