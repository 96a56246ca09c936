import type { Log } from '../../base/index.ts';
import { type RecordingEvent, type RecordingOrder, type RecordingSummary, recordingPath } from '../../media/index.ts';
import type { RecordingFacts } from '../events/index.ts';
import type { CallContext } from './call-context.ts';
import type { CallRecord } from './call-record.ts';

/** By how much a recording may be shorter than the talk that it is of, in ms, before that is told. */
const tolerance = 2000;

/** The recordings of one call: what is ordered of the media engine, and what is told of what becomes of it. */
export class CallRecording {
  readonly #context: Pick<CallContext, 'clock' | 'events' | 'recordings'>;
  readonly #record: CallRecord;
  readonly #log: Log;
  #order: RecordingOrder | null = null;
  #count = 0;
  /** Those that have begun, by file, with when that was, in ms of the monotonic clock. */
  readonly #begun = new Map<string, number>();
  readonly #failed = new Set<string>();

  constructor(context: Pick<CallContext, 'clock' | 'events' | 'recordings'>, record: CallRecord, log: Log) {
    this.#context = context;
    this.#record = record;
    this.#log = log;
  }

  /** What to order of the media engine; null where one goes on already. After one that failed the next has a file of its own. */
  begin(): RecordingOrder | null {
    if (this.#goesOn) return null;
    const { callId, startedAt } = this.#record.facts;
    const file = recordingPath(this.#context.recordings.folder, callId, startedAt, ++this.#count);
    this.#order = { file, paused: false };
    return this.#order;
  }

  /** The order by which it pauses, or goes on; null where none goes on. */
  pause(paused: boolean): RecordingOrder | null {
    if (!this.#order || !this.#goesOn) return null;
    if (paused !== this.#order.paused) {
      this.#order = { ...this.#order, paused };
      this.#log.info(paused ? 'recording paused' : 'recording resumed');
    }
    return this.#order;
  }

  get #goesOn(): boolean {
    return this.#order !== null && !this.#failed.has(this.#order.file);
  }

  /** The media engine tells of it. */
  on(event: RecordingEvent): void {
    if (event.type === 'failed') return this.#onFailure(event.file, event.reason);
    const { clock, events } = this.#context;
    this.#begun.set(event.file, clock.now());
    events.publish({ type: 'recording.started', at: clock.wall(), call: this.#record.facts, path: event.file });
    this.#log.info('recording started', { file: event.file });
  }

  /** The call is over, at `endedAt` of the monotonic clock; returns what its record says. */
  ended(summaries: readonly RecordingSummary[], endedAt: number): RecordingFacts | null {
    let last: RecordingFacts | null = null;
    // A call may be over before a worker has told that its recording has begun.
    for (const { file } of summaries) if (!this.#begun.has(file)) this.on({ type: 'started', file });
    for (const [file, begunAt] of this.#begun) {
      last = factsOf(file, summaries.find((summary) => summary.file === file) ?? null);
      this.#onEnd(last, endedAt - begunAt);
    }
    return last;
  }

  #onFailure(path: string, reason: string): void {
    if (this.#failed.has(path)) return;
    this.#failed.add(path);
    const { clock, events } = this.#context;
    events.publish({ type: 'recording.failed', at: clock.wall(), call: this.#record.facts, path, reason });
    this.#log.error('recording failed', { file: path, reason });
  }

  /** `talkMs`: how long it should have recorded, pauses included. */
  #onEnd(recording: RecordingFacts, talkMs: number): void {
    const { clock, events } = this.#context;
    const { path, status, reason, durationMs, pausedMs } = recording;
    if (status === 'failed') this.#onFailure(path, reason ?? 'unknown');
    events.publish({ type: 'recording.ended', at: clock.wall(), call: this.#record.facts, recording });
    this.#log.info('recording ended', { file: path, status, duration_ms: durationMs, paused_ms: pausedMs });
    if (status === 'complete' && talkMs - durationMs - pausedMs > tolerance) {
      this.#log.warning('a recording is shorter than the talk', {
        file: path,
        talk_ms: talkMs,
        duration_ms: durationMs,
      });
    }
  }
}

function factsOf(file: string, summary: RecordingSummary | null): RecordingFacts {
  if (!summary) {
    const reason = 'nothing is known of what was recorded';
    return { path: file, durationMs: 0, pausedMs: 0, status: 'failed', reason };
  }
  const { durationMs, pausedMs, status, reason } = summary;
  return { path: file, durationMs, pausedMs, status, reason };
}
