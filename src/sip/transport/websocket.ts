import type { WireMaker } from './socket-wire.ts';
import { StreamTransport } from './stream-transport.ts';
import { type TcpOptions, TcpWiring } from './tcp.ts';
import { SecureTransport, type TlsOptions, TlsWiring } from './tls.ts';
import { WebSocketDoor } from './websocket-door.ts';
import { WebSocketWire } from './websocket-wire.ts';
import type { Wiring } from './wire.ts';

/** SIP over WebSocket (RFC 7118). Nobody can connect to a browser: its phone is reached while its connection is open. */
export class WsTransport extends StreamTransport {
  constructor(options: TcpOptions) {
    const tcp = new TcpWiring(options, webSocketWire(options));
    super({ ...options, name: 'ws', secure: false, wiring: incoming(tcp) });
  }
}

export type WssOptions = Omit<TlsOptions, 'verifyServer'>;

/** SIP over secure WebSocket (RFC 7118), with a certificate that is followed as that of TLS is. */
export class WssTransport extends SecureTransport {
  constructor(options: WssOptions) {
    const tls = new TlsWiring(options, webSocketWire(options));
    super({ ...options, name: 'wss', tls, wiring: incoming(tls) });
  }
}

function webSocketWire({ log }: Pick<TcpOptions, 'log'>): WireMaker {
  const door = new WebSocketDoor(log);
  return (socket, local, remote) => new WebSocketWire(socket, local, remote, door);
}

/** A wiring without its way out. */
function incoming(wiring: Wiring): Wiring {
  return { listen: (accept) => wiring.listen(accept), close: () => wiring.close() };
}
