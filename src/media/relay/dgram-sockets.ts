import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Address } from '../../base/index.ts';
import type { DatagramPort, MediaSockets } from './sockets.ts';

/** Asked of the kernel for each direction, in bytes; it may grant less. */
const bufferSize = 512 * 1024;

/** The machine's own UDP sockets. Addresses are literals: nothing is ever looked up. */
export class DgramSockets implements MediaSockets {
  open(local: Address, onPacket: (bytes: Uint8Array, from: Address) => void): DatagramPort | null {
    const family = isIPv6(local.address) ? 6 : 4;
    const socket = createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      ipv6Only: family === 6,
      // A lookup that answers at once makes bind and send run to their end before they return.
      lookup: (host, _, answer) => answer(null, host, family),
    });
    let open = false;
    socket.on('listening', () => {
      open = true;
    });
    // Failures of a datagram are losses; the only failure of interest is that of bind, and it shows in `open`.
    socket.on('error', () => {});
    socket.bind({ address: local.address, port: local.port, exclusive: true });
    if (!open) {
      socket.close();
      return null;
    }
    try {
      socket.setRecvBufferSize(bufferSize);
      socket.setSendBufferSize(bufferSize);
    } catch {
      // Some systems refuse instead of granting less; the default then has to do.
    }
    socket.on('message', onPacket);
    return {
      local: { address: local.address, port: socket.address().port },
      send: (bytes, to) => {
        if (!open || to.port <= 0 || to.port > 65_535) return;
        socket.send(bytes, 0, bytes.length, to.port, to.address);
      },
      close: () => {
        if (!open) return;
        open = false;
        socket.close();
      },
    };
  }
}
