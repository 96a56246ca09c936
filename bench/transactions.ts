import { SeededRandom, silentLog, VirtualClock } from '../src/base/index.ts';
import { createResponse, parseMessage } from '../src/sip/message/index.ts';
import { TransactionLayer } from '../src/sip/transaction/index.ts';
import { TransportLayer } from '../src/sip/transport/index.ts';
import { DirectTransport } from './direct-transport.ts';
import { cpuMicros, type Figure, microsPer } from './figures.ts';
import { sampleOptions } from './messages.ts';

const alive = 100_000;

/** What it costs to begin and answer a transaction, and to find one among many. */
export async function transactions(): Promise<readonly Figure[]> {
  const transport = new DirectTransport({ address: '192.0.2.1', port: 5060 }, () => {});
  const layer = new TransportLayer({ transports: [transport], log: silentLog });
  const all = new TransactionLayer({ transport: layer, clock: new VirtualClock(), random: new SeededRandom(1) });
  all.serve({
    onRequest: (transaction) =>
      transaction.respond(createResponse(transaction.request, 200, { toTag: transaction.localTag })),
    onCancel: () => {},
    onAck: () => {},
  });
  await layer.start({ onMessage: (message, flow) => all.onMessage(message, flow) });
  // No single source may have so many.
  const flows = Array.from({ length: 8 }, (_, host) =>
    transport.flowTo({ address: `192.0.2.${77 + host}`, port: 5060 }),
  );
  const flowOf = (number: number) => flows[number % flows.length]!;

  const requests = Array.from({ length: alive }, (_, number) => parseMessage(sampleOptions(number)));
  const started = cpuMicros();
  for (const [number, request] of requests.entries()) all.onMessage(request, flowOf(number));
  const begun = (cpuMicros() - started) / alive;
  if (all.size.server !== alive) throw new Error(`${all.size.server} transactions instead of ${alive}`);

  let next = 0;
  // Another prime than any divisor of the number, so that neighbours in time are none in memory.
  const repeat = (): void => {
    next = (next + 7919) % alive;
    all.onMessage(requests[next]!, flowOf(next));
  };
  const found = microsPer(repeat);
  const strange = parseMessage(sampleOptions(-1));
  if (strange.kind !== 'request') throw new Error('not a request');
  const stray = createResponse(strange, 200, { toTag: 'x' });
  const missed = microsPer(() => all.onMessage(stray, flowOf(0)));

  const settings = `${alive} transactions alive, no parsing, no socket`;
  return [
    { part: 'transactions', what: 'begin, answer', value: begun, unit: 'µs', settings },
    { part: 'transactions', what: 'find and absorb a repetition', value: found, unit: 'µs', settings },
    { part: 'transactions', what: 'find none for a response', value: missed, unit: 'µs', settings },
  ];
}
