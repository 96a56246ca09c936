import assert from 'node:assert/strict';
import { type Checks, TransactionBench } from '../transaction-bench.ts';

/** How any other request to us must be treated (RFC 3261 §17.2.2, RFC 4320). */
export const nonInviteServerChecks: Checks = {
  'it gets a 100 only when its client repeats itself every T2, and never a 408 (RFC 4320 §4.1, §4.2)': (machines) => {
    for (const transport of ['udp', 'tcp'] as const) {
      const bench = new TransactionBench(machines, { transport });
      const options = bench.receive('OPTIONS');
      bench.stands(options, 'trying', 2);
      bench.advance(3_499);
      bench.stands(options, 'trying', 2);
      bench.hasSent();
      bench.advance(1);
      bench.hasSent('3500 100');
      bench.stands(options, 'proceeding', 1);
      bench.advance(28_499);
      bench.hasTold();
      bench.advance(1);
      bench.hasSent('3500 100');
      bench.hasTold('32000 timeout', '32000 terminated');
      assert.equal(bench.layer.counters.timeouts, 1);
      bench.isOver(options);
    }
  },

  'one that is abandoned is forgotten without a final answer': (machines) => {
    for (const [after, sent] of [
      [0, []],
      [3_500, ['3500 100']],
    ] as const) {
      const bench = new TransactionBench(machines);
      const options = bench.receive('OPTIONS');
      bench.advance(after);
      options.abandon();
      bench.isOver(options);
      bench.hasSent(...sent);
      bench.hasTold(`${after} terminated`);
    }
  },

  'a repetition is absorbed until something was answered, then it gets that again (RFC 3261 §17.2.2)': (machines) => {
    const bench = new TransactionBench(machines);
    const options = bench.receive('OPTIONS');
    bench.advance(500);
    bench.receive('OPTIONS');
    bench.stands(options, 'trying', 2);
    bench.hasSent();
    bench.advance(3_000);
    bench.receive('OPTIONS');
    bench.stands(options, 'proceeding', 1);
    bench.hasSent('3500 100', '3500 100');
    assert.deepEqual(bench.wire[1], bench.wire[0]);
    assert.equal(bench.requests.length, 1);
  },

  'a final response within time ends all waiting; repetitions get it again for 64·T1, timer J (RFC 3261 §17.2.2)': (
    machines,
  ) => {
    for (const status of [200, 302, 404, 503, 603]) {
      const bench = new TransactionBench(machines);
      const options = bench.receive('OPTIONS');
      bench.advance(100);
      bench.respond(options, status);
      bench.stands(options, 'completed', 1);
      bench.advance(31_999);
      bench.receive('OPTIONS');
      bench.stands(options, 'completed', 1);
      bench.hasSent(`100 ${status}`, `32099 ${status}`);
      bench.advance(1);
      bench.hasTold('32100 terminated');
      assert.equal(bench.requests.length, 1);
      bench.isOver(options);
    }
  },

  'a final response after the 100 is the same': (machines) => {
    const bench = new TransactionBench(machines);
    const options = bench.receive('OPTIONS');
    bench.advance(5_000);
    bench.respond(options, 200);
    bench.stands(options, 'completed', 1);
    bench.receive('OPTIONS');
    bench.hasSent('3500 100', '5000 200', '5000 200');
    bench.advance(32_000);
    bench.hasTold('37000 terminated');
    bench.isOver(options);
  },

  'over a stream timer J is 0': (machines) => {
    const bench = new TransactionBench(machines, { transport: 'tcp' });
    const options = bench.receive('OPTIONS');
    bench.respond(options, 200);
    bench.stands(options, 'completed', 1);
    bench.advance(0);
    bench.hasSent('0 200');
    bench.hasTold('0 terminated');
    bench.isOver(options);
  },

  'its timers follow T1 and T2': (machines) => {
    const silent = new TransactionBench(machines, { timers: { t1: 250, t2: 1_000 } });
    silent.receive('OPTIONS');
    silent.advance(60_000);
    silent.hasSent('750 100');
    silent.hasTold('16000 timeout', '16000 terminated');

    const answered = new TransactionBench(machines, { timers: { t1: 250 } });
    answered.respond(answered.receive('OPTIONS'), 200);
    answered.advance(16_000);
    answered.hasTold('16000 terminated');
  },

  'a client doubles past a T2 that is no power of two times T1, and the 100 waits for it (RFC 4320 §4.1)': (
    machines,
  ) => {
    // Timer E: after 100, 200, 400 and 800 ms; from 1500 on it is T2.
    const bench = new TransactionBench(machines, { timers: { t1: 100, t2: 1_000 } });
    bench.receive('OPTIONS');
    bench.advance(1_499);
    bench.hasSent();
    bench.advance(1);
    bench.hasSent('1500 100');
  },

  'the 100 never comes before 200 ms': (machines) => {
    const bench = new TransactionBench(machines, { timers: { t1: 1_000, t2: 1_000 } });
    bench.receive('OPTIONS');
    bench.advance(200);
    bench.hasSent('200 100');
  },

  'a provisional response of its user takes the place of the 100': (machines) => {
    const bench = new TransactionBench(machines);
    const options = bench.receive('OPTIONS');
    bench.respond(options, 100);
    bench.stands(options, 'proceeding', 1);
    bench.advance(5_000);
    bench.respond(options, 100);
    bench.stands(options, 'proceeding', 1);
    bench.hasSent('0 100', '5000 100');
    bench.advance(27_000);
    bench.hasTold('32000 timeout', '32000 terminated');
    bench.isOver(options);
  },

  'one that is never answered is forgotten, also where the 100 is later than that': (machines) => {
    const bench = new TransactionBench(machines, { timers: { t1: 10, t2: 4_000 } });
    const options = bench.receive('OPTIONS');
    bench.advance(640);
    bench.hasSent();
    bench.hasTold('640 timeout', '640 terminated');
    bench.isOver(options);
  },

  'the first final response stands': (machines) => {
    const bench = new TransactionBench(machines);
    const options = bench.receive('OPTIONS');
    bench.respond(options, 404);
    for (const status of [100, 200]) bench.respond(options, status);
    bench.receive('OPTIONS');
    bench.stands(options, 'completed', 1);
    bench.hasSent('0 404', '0 404');
  },

  'a 100 that could not be sent is reported and ends nothing': (machines) => {
    const bench = new TransactionBench(machines);
    const options = bench.receive('OPTIONS');
    bench.flow.failing = true;
    bench.advance(3_500);
    bench.stands(options, 'proceeding', 1);
    bench.hasTold('3500 transport error');
    bench.flow.failing = false;
    bench.respond(options, 200);
    bench.stands(options, 'completed', 1);
    bench.hasSent('3500 100', '3500 200');
  },

  'a challenge goes once, and nothing is remembered (RFC 3261 §8.2.7, §26.3.2.4)': (machines) => {
    for (const waited of [0, 5_000]) {
      const bench = new TransactionBench(machines);
      const options = bench.receive('OPTIONS');
      bench.advance(waited);
      const before = waited === 0 ? [] : ['3500 100'];
      bench.respond(options, 401);
      bench.isOver(options);
      bench.hasTold(`${waited} terminated`);
      bench.hasSent(...before, `${waited} 401`);
      bench.receive('OPTIONS');
      assert.equal(bench.requests.length, 2);
    }
  },

  'a stranger hears its answer again when it asks': (machines) => {
    const bench = new TransactionBench(machines);
    const options = bench.receive('OPTIONS');
    bench.answerStranger(options, 404);
    bench.stands(options, 'completed', 1);
    bench.receive('OPTIONS');
    bench.hasSent('0 404', '0 404');
  },
};
