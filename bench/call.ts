import { configSchema } from '../src/app/config-schema.ts';
import { Exchange } from '../src/app/exchange.ts';
import { type Address, SeededRandom, silentLog, VirtualClock } from '../src/base/index.ts';
import { LocalEngine, MemorySockets, PlainRelay } from '../src/media/index.ts';
import { DirectTransport } from './direct-transport.ts';
import { cpuMicros, type Figure } from './figures.ts';
import { Phones, type PhonesOptions } from './phones.ts';

const calls = 5000;
const server: Address = { address: '10.0.0.1', port: 5060 };
const caller: Address = { address: '10.0.0.11', port: 5060 };
const callee: Address = { address: '10.0.0.12', port: 5060 };

interface Heard {
  readonly as: 'caller' | 'callee';
  readonly bytes: Uint8Array;
}

/** Whole calls through the exchange alone: no socket, no file, no log; a hundred calls begin in a second of virtual time. */
export async function callInMemory(): Promise<readonly Figure[]> {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const config = configSchema.parse({
    sip: { max_concurrent_calls: 1000 },
    registrar: { auth: 'none' },
    extensions: ['1001', '1002'].map((number) => ({ number, password: 'secret' })),
  });
  // Both sides hand over through queues, so that neither runs inside the other.
  const toPhones: Heard[] = [];
  const toExchange: Heard[] = [];
  const transport = new DirectTransport(server, (bytes, to) => {
    toPhones.push({ as: to.address === caller.address ? 'caller' : 'callee', bytes });
  });
  const media = new LocalEngine({
    relay: new PlainRelay({ sockets: new MemorySockets(clock, random), clock }),
    name: 'plain-relay',
    jitter: { minMs: 20, maxMs: 200 },
    ports: config.media.port_pool,
    clock,
    random,
    log: silentLog,
  });
  const exchange = new Exchange({
    config,
    version: 'bench',
    clock,
    random,
    log: silentLog,
    transports: [transport],
    media,
    bindings: { load: async () => [], save: () => {}, remove: () => {} },
    extensions: { load: async () => [], save: () => {}, remove: () => {} },
    bans: { load: async () => [], save: () => {}, remove: () => {} },
    nonceKey: random.bytes(32),
  });
  await exchange.start();

  let onAnswer: PhonesOptions['onAnswer'] = (hangUp) => clock.after(100, hangUp);
  const options: Omit<PhonesOptions, 'send'> = {
    server,
    caller,
    callee,
    media: { address: caller.address, port: 4000 },
    random: new SeededRandom(2),
    password: 'secret',
    onAnswer: (hangUp) => onAnswer(hangUp),
  };
  const phones = new Phones({ ...options, send: (as, bytes) => toExchange.push({ as, bytes }) });
  const recorded: Heard[] = [];
  let recording = false;
  const settle = (): void => {
    while (toPhones.length > 0 || toExchange.length > 0) {
      for (const heard of toPhones.splice(0)) {
        if (recording) recorded.push(heard);
        phones.receive(heard.as, heard.bytes);
      }
      for (const { as, bytes } of toExchange.splice(0)) transport.deliver(bytes, as === 'caller' ? caller : callee);
    }
  };
  const run = (count: number): void => {
    for (let i = 0; i < count; i++) {
      phones.call();
      settle();
      clock.advance(10);
      settle();
    }
  };

  phones.register('1002');
  settle();
  // As long as the transactions of RFC 3261 live, so that as many are alive as in a steady state.
  run(4000);
  const before = cpuMicros();
  run(calls);
  const both = cpuMicros() - before;

  // What the phones cost by themselves: the same messages once more, to phones that nobody hears.
  recording = true;
  const begun = phones.counts.begun;
  run(1000);
  const { ended, refused } = phones.counts;
  if (refused > 0 || ended < begun) throw new Error(`calls were lost: ${JSON.stringify(phones.counts)}`);
  onAnswer = () => {};
  const alone = new Phones({ ...options, send: () => {} });
  const started = cpuMicros();
  for (const { as, bytes } of recorded) if (as === 'callee') alone.receive(as, bytes);
  const ofCallee = cpuMicros() - started;
  await exchange.stop();
  await media.close();

  // The caller's half is as long: as many messages, as long ones.
  const ofPhones = (2 * ofCallee) / 1000;
  return [
    {
      part: 'call',
      what: 'set up and torn down, in memory',
      value: both / calls - ofPhones,
      unit: 'µs CPU',
      settings: `INVITE 180 200 ACK BYE, no digest, no socket, no record; ${ofPhones.toFixed(0)} µs of the phones taken off`,
    },
  ];
}
