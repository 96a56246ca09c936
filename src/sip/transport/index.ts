export {
  type DeliveryListener,
  MemoryNetwork,
  type MemoryNetworkOptions,
  type MemoryTransport,
  type MemoryTransportOptions,
  type Stray,
} from './memory.ts';
export type { Target } from './resolve.ts';
export type { StreamLimits } from './stream-limits.ts';
export { type TcpOptions, TcpTransport } from './tcp.ts';
export { SecureTransport, type TlsOptions, TlsTransport } from './tls.ts';
export {
  type Advertise,
  type Flow,
  isWebSocket,
  type Transport,
  type TransportName,
  type TransportReceiver,
} from './transport.ts';
export {
  type Gate,
  type MessageWatcher,
  type TapListener,
  type TransportCounters,
  TransportLayer,
  type TransportLayerOptions,
  type TransportUser,
} from './transport-layer.ts';
export { type UdpOptions, UdpTransport } from './udp.ts';
export { WssTransport, WsTransport } from './websocket.ts';
