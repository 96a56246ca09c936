import { once } from 'node:events';
import { WebSocket } from 'ws';
import { type Address, type Clock, formatAddress, silentLog } from '../../src/base/index.ts';
import type { Transport, TransportName } from '../../src/sip/transport/index.ts';
import { StreamTransport } from '../../src/sip/transport/stream-transport.ts';
import type { Wire, WireUser } from '../../src/sip/transport/wire.ts';

/** What a browser does by itself: connects to a listener, on this machine, and asks for SIP. */
export function connectWebSocket(
  name: TransportName,
  to: Address,
  options: { readonly ca?: Buffer; readonly protocols?: readonly string[]; readonly from?: string } = {},
): WebSocket {
  const { protocols = ['sip'], from, ca } = options;
  return new WebSocket(`${name}://${formatAddress(to)}/`, [...protocols], {
    ...(ca && { ca }),
    ...(from && { localAddress: from }),
    perMessageDeflate: false,
  });
}

/** As `connectWebSocket`, and it is open. Rejects when it is refused. */
export async function openWebSocket(...args: Parameters<typeof connectWebSocket>): Promise<WebSocket> {
  const socket = connectWebSocket(...args);
  await once(socket, 'open');
  socket.on('error', () => {});
  return socket;
}

/** The other side of a WebSocket transport: connects, and can't be connected to. */
export function webSocketClient(
  name: TransportName,
  host: string,
  { clock, ca, advertised }: { readonly clock: Clock; readonly ca: Buffer; readonly advertised?: Address },
): Transport {
  return new StreamTransport({
    name,
    secure: name === 'wss',
    listen: { address: host, port: 0 },
    clock,
    log: silentLog,
    ...(advertised && { advertise: () => advertised }),
    wiring: {
      // A name for its Via and Contact, where nobody listens.
      listen: async () => ({ address: host, port: 9 }),
      connect: (remote, from, user) =>
        clientWire(connectWebSocket(name, remote, { ca, ...(from && { from }) }), remote, user),
      close: async () => {},
    },
  });
}

function clientWire(socket: WebSocket, remote: Address, user: WireUser): Wire {
  const waiting: (() => void)[] = [];
  const failed: (() => void)[] = [];
  let failure: Error | null = null;
  socket.on('open', () => {
    user.onOpen();
    for (const send of waiting.splice(0)) send();
  });
  socket.on('message', (data: Buffer) => user.onData(data));
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('close', () => {
    for (const fail of failed.splice(0)) fail();
    user.onClose(failure);
  });
  return {
    local: { address: '', port: 0 },
    remote,
    get queued() {
      return socket.bufferedAmount;
    },
    write: (bytes, done = () => {}) => {
      if (socket.readyState !== WebSocket.CONNECTING) return socket.send(bytes, { binary: false }, done);
      waiting.push(() => socket.send(bytes, { binary: false }, done));
      failed.push(() => failure && done(failure));
    },
    end: () => socket.close(),
    destroy: () => socket.terminate(),
  };
}
