export { DgramSockets } from './dgram-sockets.ts';
export type {
  LegCounters,
  MediaEngine,
  MediaLeg,
  MediaSession,
  MediaSessionSpec,
  MediaSessionUser,
  MediaTotals,
  PortPair,
  RemoteMedia,
} from './engine.ts';
export { type MemoryNetwork, MemorySockets } from './memory-sockets.ts';
export { PlainRelay, type PlainRelayOptions } from './plain-relay.ts';
export type { PortRange } from './port-pool.ts';
export type { DatagramPort, MediaSockets } from './sockets.ts';
