export { DgramSockets } from './dgram-sockets.ts';
export type {
  LegSummary,
  MediaEngine,
  MediaLeg,
  MediaSession,
  MediaSessionSpec,
  MediaSessionUser,
  MediaSummary,
  MediaWorker,
} from './engine.ts';
export { LocalEngine, type LocalEngineOptions } from './local-engine.ts';
export { MediaSessions } from './media-sessions.ts';
export { type MemoryNetwork, MemorySockets } from './memory-sockets.ts';
export { loadNativeAddon, type NativeAddon } from './native-addon.ts';
export { NativeRelay, type NativeRelayOptions } from './native-relay.ts';
export { type OpenedRelay, type OpenRelayOptions, openRelay } from './open-relay.ts';
export { PlainRelay, type PlainRelayOptions } from './plain-relay.ts';
export { PortLeases, type PortLeasesOptions } from './port-leases.ts';
export type { PortRange } from './port-pool.ts';
export type { LegQuality, LegQualitySummary, OpinionSummary, QualityReport, StreamQuality } from './quality-monitor.ts';
export type {
  LegCounters,
  LegIndex,
  MediaTotals,
  OpenFailure,
  PortPair,
  Relay,
  RelayLegSpec,
  RelaySession,
  RelaySpec,
  RelayUser,
  RemoteMedia,
} from './relay.ts';
export type { OneWayFinding, SilenceReason } from './silence-watch.ts';
export type { DatagramPort, MediaSockets } from './sockets.ts';
export type { RecordingOrder, RecordingSummary } from './sound/recorder.ts';
export type { CreateRecordingFile } from './sound/recording-file.ts';
export { RecordingFolder, recordingPath } from './sound/recording-folder.ts';
export type { RecordingEvent } from './sound/session-sound.ts';
export { SoundLibrary } from './sound/sound-library.ts';
export { WorkerEngine, type WorkerEngineOptions } from './worker/worker-engine.ts';
export type { WorkerProcess } from './worker/worker-link.ts';
export { WorkerServer, type WorkerServerOptions } from './worker/worker-server.ts';
