import { duplexPair } from 'node:stream';
import { expect, test } from 'vitest';
import { type Clock, silentLog, VirtualClock } from '../../base/index.ts';
import { Channel } from './channel.ts';
import type { FromWorker, ToWorker } from './protocol.ts';
import { WorkerLink } from './worker-link.ts';

/** A worker that answers, and a control process that can be held up: its timers then fire late, before it reads. */
function setUp() {
  const virtual = new VirtualClock();
  let behind = 0;
  const clock: Clock = {
    now: () => virtual.now() + behind,
    wall: () => virtual.wall() + behind,
    after: (ms, action) => virtual.after(ms, action),
  };
  const [control, worker] = duplexPair();
  const channel: Channel<FromWorker, ToWorker> = new Channel(worker, {
    onMessage: (message) => message.type === 'ping' && channel.send({ type: 'pong' }),
    onClose: () => {},
  });
  channel.send({ type: 'ready', name: 'relay' });
  const lost: string[] = [];
  const link = new WorkerLink({
    index: 0,
    spawn: () => ({ stream: control, kill: () => control.destroy() }),
    clock,
    log: silentLog,
    user: {
      onOpened: () => {},
      onSession: () => {},
      onFigures: () => {},
      onDown: (reason) => lost.push(reason),
      onRestart: () => {},
    },
  });
  link.start();
  const pass = async (seconds: number): Promise<void> => {
    for (let n = 0; n < seconds; n++) {
      virtual.advance(1000);
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return {
    link,
    lost,
    pass,
    virtual,
    stop: () => worker.pause(),
    holdUp: (ms: number) => {
      behind += ms;
    },
  };
}

test('a worker is not at fault when the control process was held up itself', async () => {
  const { link, lost, pass, holdUp, virtual, stop } = setUp();
  await link.running();
  await pass(3);
  holdUp(20_000);
  virtual.advance(1000);
  await pass(5);
  expect(lost).toEqual([]);
  stop();
  await pass(6);
  expect(lost).toEqual(['it does not answer']);
  await link.close();
});
