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
export type {
  LegQuality,
  LegQualitySummary,
  OpinionSummary,
  QualityReport,
  StreamQuality,
} from './quality/quality-monitor.ts';
export type { OneWayFinding, SilenceReason } from './quality/silence-watch.ts';
export { DgramSockets } from './relay/dgram-sockets.ts';
export { type MemoryNetwork, MemorySockets } from './relay/memory-sockets.ts';
export { loadNativeAddon, type NativeAddon } from './relay/native-addon.ts';
export { NativeRelay, type NativeRelayOptions } from './relay/native-relay.ts';
export { type OpenedRelay, type OpenRelayOptions, openRelay } from './relay/open-relay.ts';
export { PlainRelay, type PlainRelayOptions } from './relay/plain-relay.ts';
export { PortLeases, type PortLeasesOptions } from './relay/port-leases.ts';
export type { PortRange } from './relay/port-pool.ts';
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
} from './relay/relay.ts';
export type { DatagramPort, MediaSockets } from './relay/sockets.ts';
export type { RecordingOrder, RecordingSummary } from './sound/recorder.ts';
export type { CreateRecordingFile } from './sound/recording-file.ts';
export { RecordingFolder, recordingPath } from './sound/recording-folder.ts';
export type { RecordingEvent } from './sound/session-sound.ts';
export { SoundLibrary } from './sound/sound-library.ts';
export { WorkerEngine, type WorkerEngineOptions } from './worker/worker-engine.ts';
export type { WorkerProcess } from './worker/worker-link.ts';
export { WorkerServer, type WorkerServerOptions } from './worker/worker-server.ts';
