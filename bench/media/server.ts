// node server.ts ENGINE ADDRESS: carries the media of calls in a process of its own, as its parent says.
import type { Carrier } from './carrier.ts';
import { LiveExchange } from './live-exchange.ts';
import { OwnEngine } from './own-engine.ts';
import { Rtpengine } from './rtpengine.ts';
import type { Answer, Order } from './server-process.ts';

const [engine = '', address = ''] = process.argv.slice(2);
const say = (answer: Answer): void => void process.send?.(answer);
// Whoever started this has gone.
process.on('disconnect', () => process.exit());

try {
  const carrier = await open();
  process.on('message', (order: Order) => obey(carrier, order).catch(fail));
  say({ answer: 'ready', media: carrier.media, control: carrier.control });
} catch (error) {
  fail(error);
}

async function open(): Promise<Carrier> {
  if (engine === 'rtpengine') return Rtpengine.open(address);
  return engine === 'exchange' ? LiveExchange.open(address) : OwnEngine.open(engine, address);
}

async function obey(carrier: Carrier, order: Order): Promise<void> {
  if (order.order === 'start') say({ answer: 'started', doors: await carrier.start(order.calls) });
  else if (order.order === 'end') say({ answer: 'ended', ...(await carrier.end()) });
  else {
    await carrier.close();
    process.disconnect();
  }
}

function fail(error: unknown): void {
  say({ answer: 'failed', reason: error instanceof Error ? error.message : String(error) });
}
