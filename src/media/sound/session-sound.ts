import type { Clock } from '../../base/index.ts';
import { Player, type Playing } from './player.ts';
import { Recorder, type RecordingOrder, type RecordingSummary } from './recorder.ts';
import type { CreateRecordingFile } from './recording-file.ts';
import type { SoundLibrary } from './sound-library.ts';

/** What becomes of a recording while its session goes on; what it has come to is told with the session's end. */
export type RecordingEvent =
  | { readonly type: 'started'; readonly file: string }
  | { readonly type: 'failed'; readonly file: string; readonly reason: string };

/** What a session wants to have recorded and played. */
export interface SoundWishes {
  /** Another file than before ends the recording that goes on and begins one. */
  readonly recording?: RecordingOrder | null;
  /** What each leg hears instead of the other. The same as before goes on where it is. */
  readonly playing?: readonly [Playing | null, Playing | null];
}

/** Where recordings go and sounds come from. */
export interface SoundSources {
  readonly clock: Clock;
  readonly sounds: Pick<SoundLibrary, 'samples'>;
  readonly createRecording: CreateRecordingFile;
}

/** Hears of it. */
export interface SoundUser {
  onRecording?(event: RecordingEvent): void;
  /** What a leg was to hear once has come to its end. */
  onPlayed?(leg: 0 | 1): void;
}

interface Heard {
  readonly playing: Playing;
  readonly sampleRate: number;
  readonly player: Player;
}

/** What is recorded of one session, and played to its legs, tick by tick. */
export class SessionSound {
  readonly #sources: SoundSources;
  readonly #user: SoundUser;
  #recorder: { readonly file: string; readonly recorder: Recorder } | null = null;
  readonly #heard: [Heard | null, Heard | null] = [null, null];
  readonly #summaries: RecordingSummary[] = [];
  /** Recordings that are being closed. */
  #closing = 0;
  readonly #onClosed: (() => void)[] = [];

  constructor(sources: SoundSources, user: SoundUser) {
    this.#sources = sources;
    this.#user = user;
  }

  /**
   * Begins what is new, ends what is no longer wanted, and lets go on what stays the same. `sampleRate` is that of the
   * frames that come and go from now on.
   */
  update({ recording = null, playing = [null, null] }: SoundWishes, sampleRate: number): void {
    if (this.#recorder && this.#recorder.file !== recording?.file) this.#close();
    if (recording && !this.#recorder) this.#record(recording, sampleRate);
    if (recording) this.#recorder?.recorder.pause(recording.paused);
    for (const leg of [0, 1] as const) this.#play(leg, playing[leg], sampleRate);
  }

  get recording(): boolean {
    return this.#recorder !== null;
  }

  /** What `leg` is to hear; null: the other leg. */
  playingTo(leg: 0 | 1): Playing | null {
    return this.#heard[leg]?.playing ?? null;
  }

  /** 20 ms of each leg for the recording; null where nothing is to be heard. */
  hear(caller: Int16Array | null, callee: Int16Array | null): void {
    this.#recorder?.recorder.frame(caller, callee);
  }

  /** The next 20 ms of what is played to `leg`, valid until the next call; null where there is nothing. */
  play(leg: 0 | 1): Int16Array | null {
    return this.#heard[leg]?.player.pull() ?? null;
  }

  /** Ends all of it; `done` is told what was recorded since the session began. */
  end(done: (recordings: readonly RecordingSummary[]) => void): void {
    this.update({}, 8000);
    if (this.#closing === 0) return done(this.#summaries);
    this.#onClosed.push(() => done(this.#summaries));
  }

  #record(order: RecordingOrder, sampleRate: number): void {
    const { createRecording: create, clock } = this.#sources;
    const { file } = order;
    this.#user.onRecording?.({ type: 'started', file });
    const onFailure = (reason: string) => this.#user.onRecording?.({ type: 'failed', file, reason });
    this.#recorder = { file, recorder: new Recorder({ order, sampleRate, create, clock, onFailure }) };
  }

  #close(): void {
    this.#closing++;
    this.#recorder?.recorder.end((summary) => {
      this.#summaries.push(summary);
      this.#closing--;
      if (this.#closing === 0) for (const tell of this.#onClosed.splice(0)) tell();
    });
    this.#recorder = null;
  }

  #play(leg: 0 | 1, playing: Playing | null, sampleRate: number): void {
    const heard = this.#heard[leg];
    if (playing && heard?.sampleRate === sampleRate && samePlaying(playing, heard.playing)) return;
    if (!playing) {
      this.#heard[leg] = null;
      return;
    }
    const { source, repeat } = playing;
    const sound = this.#sources.sounds.samples(source, sampleRate);
    const onPlayed = () => this.#user.onPlayed?.(leg);
    this.#heard[leg] = { playing, sampleRate, player: new Player({ sound, sampleRate, repeat, onPlayed }) };
  }
}

function samePlaying(a: Playing, b: Playing): boolean {
  return a.source === b.source && a.repeat === b.repeat && (a.yields ?? false) === (b.yields ?? false);
}
