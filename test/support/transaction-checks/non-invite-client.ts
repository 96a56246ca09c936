import assert from 'node:assert/strict';
import { type Checks, TransactionBench } from '../transaction-bench.ts';

/** What any other request of ours must do (RFC 3261 §17.1.2). */
export const nonInviteClientChecks: Checks = {
  'over UDP it is repeated with intervals that double up to T2, until timer F gives up (RFC 3261 §17.1.2.2)': (
    machines,
  ) => {
    const bench = new TransactionBench(machines);
    const options = bench.request('OPTIONS');
    bench.stands(options, 'trying', 2);
    bench.advance(500);
    bench.stands(options, 'trying', 2);
    bench.advance(60_000);
    const times = [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    bench.hasSent(...times.map((at) => `${at} OPTIONS`));
    bench.hasTold('32000 timeout', '32000 terminated');
    assert.deepEqual(bench.layer.counters, { retransmissions: 10, timeouts: 1, strayResponses: 0 });
    bench.isOver(options);
  },

  'over a stream it goes once and has the same 64·T1': (machines) => {
    const bench = new TransactionBench(machines, { transport: 'tcp' });
    const options = bench.request('OPTIONS');
    bench.stands(options, 'trying', 1);
    bench.advance(31_999);
    bench.hasTold();
    bench.advance(1);
    bench.hasSent('0 OPTIONS');
    bench.hasTold('32000 timeout', '32000 terminated');
    bench.isOver(options);
  },

  'its timers follow T1, T2 and T4': (machines) => {
    const timers = { t1: 100, t2: 300, t4: 700 };
    const bench = new TransactionBench(machines, { timers });
    bench.request('OPTIONS');
    bench.advance(1_000);
    bench.hasSent('0 OPTIONS', '100 OPTIONS', '300 OPTIONS', '600 OPTIONS', '900 OPTIONS');
    bench.advance(5_400);
    bench.hasTold('6400 timeout', '6400 terminated');

    const answered = new TransactionBench(machines, { timers });
    answered.answer(answered.request('OPTIONS'), 200);
    answered.advance(700);
    answered.hasTold('0 200', '700 terminated');
  },

  'after a provisional response it is repeated every T2 and timer F goes on (RFC 3261 §17.1.2.2)': (machines) => {
    const bench = new TransactionBench(machines);
    const options = bench.request('OPTIONS');
    bench.advance(100);
    bench.answer(options, 100);
    bench.stands(options, 'proceeding', 2);
    bench.advance(500);
    bench.answer(options, 100);
    bench.stands(options, 'proceeding', 2);
    bench.advance(4_000);
    bench.stands(options, 'proceeding', 2);
    bench.advance(60_000);
    const times = [0, 500, 4_500, 8_500, 12_500, 16_500, 20_500, 24_500, 28_500];
    bench.hasSent(...times.map((at) => `${at} OPTIONS`));
    bench.hasTold('100 100', '600 100', '32000 timeout', '32000 terminated');
    bench.isOver(options);
  },

  'the final response passes up once; repetitions are absorbed for T4, timer K (RFC 3261 §17.1.2.2)': (machines) => {
    for (const status of [200, 302, 404, 503, 603]) {
      const bench = new TransactionBench(machines);
      const options = bench.request('OPTIONS');
      bench.advance(100);
      bench.answer(options, status);
      bench.stands(options, 'completed', 1);
      bench.advance(4_999);
      bench.answer(options, status);
      bench.answer(options, 100);
      bench.stands(options, 'completed', 1);
      bench.advance(1);
      bench.hasSent('0 OPTIONS');
      bench.hasTold(`100 ${status}`, '5100 terminated');
      bench.isOver(options);
    }
  },

  'the final response after a provisional one is the same': (machines) => {
    const bench = new TransactionBench(machines);
    const options = bench.request('OPTIONS');
    bench.answer(options, 100);
    bench.advance(5_000);
    bench.answer(options, 200);
    bench.stands(options, 'completed', 1);
    bench.advance(4_999);
    bench.stands(options, 'completed', 1);
    bench.advance(1);
    bench.hasSent('0 OPTIONS', '500 OPTIONS', '4500 OPTIONS');
    bench.hasTold('0 100', '5000 200', '10000 terminated');
    bench.isOver(options);
  },

  'over a stream timer K is 0': (machines) => {
    const bench = new TransactionBench(machines, { transport: 'tcp' });
    const options = bench.request('OPTIONS');
    bench.answer(options, 200);
    bench.stands(options, 'completed', 1);
    bench.advance(0);
    bench.hasTold('0 200', '0 terminated');
    bench.isOver(options);
  },

  'what could not be sent is reported at once and once': (machines) => {
    const bench = new TransactionBench(machines, { transport: 'tcp' });
    bench.flow.failing = true;
    const options = bench.request('OPTIONS');
    bench.hasTold();
    bench.flow.cut();
    bench.advance(0);
    bench.hasTold('0 transport error', '0 terminated');
    bench.isOver(options);
  },

  'an ICMP error on a repetition is reported, after a provisional response too (RFC 3261 §18.4)': (machines) => {
    const bench = new TransactionBench(machines);
    const trying = bench.request('OPTIONS');
    bench.flow.failing = true;
    bench.advance(500);
    bench.hasTold('500 transport error', '500 terminated');
    bench.isOver(trying);

    bench.flow.failing = false;
    const proceeding = bench.request('OPTIONS');
    bench.answer(proceeding, 100);
    bench.flow.failing = true;
    bench.advance(500);
    bench.hasTold('500 transport error', '500 terminated', '500 100', '1000 transport error', '1000 terminated');
    bench.isOver(proceeding);
  },
};
