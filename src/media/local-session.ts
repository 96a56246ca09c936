import type { Log } from '../base/index.ts';
import type { MediaSession, MediaSessionSpec, MediaSessionUser, MediaSummary } from './engine.ts';
import { type LoopOptions, MediaLoop } from './loop/media-loop.ts';
import { planOf, type SessionPlan } from './loop/plan.ts';
import { SessionQuality } from './quality/session-quality.ts';
import type { LegCounters, LegIndex, Relay, RelaySession } from './relay/relay.ts';
import { SessionSound, type SoundSources } from './sound/session-sound.ts';

/** What a session needs of its engine. */
export interface LocalSessionHost extends LoopOptions, SoundSources {
  readonly relay: Relay;
  readonly log: Log;
}

/** The media of one call over a relay of this process. */
export class LocalSession implements MediaSession {
  readonly #host: LocalSessionHost;
  readonly #user: MediaSessionUser;
  readonly #onEnd: (session: LocalSession) => void;
  readonly #relayed: RelaySession;
  readonly #quality: SessionQuality;
  readonly #sound: SessionSound;
  #plan: SessionPlan;
  /** Null while packets are only relayed. */
  #loop: MediaLoop | null = null;
  #over = false;

  constructor(
    spec: MediaSessionSpec,
    user: MediaSessionUser,
    host: LocalSessionHost,
    onEnd: (session: LocalSession) => void,
  ) {
    this.#host = host;
    this.#user = user;
    this.#onEnd = onEnd;
    this.#plan = planOf(spec);
    this.#sound = new SessionSound(host, user);
    this.#quality = new SessionQuality(host.clock, () => this.#relayed.counters(), user);
    this.#relayed = host.relay.start(this.#plan.relay, {
      onIdle: () => user.onIdle(),
      onRtp: (leg, packet, at) => this.#startedLoop().onRtp(leg, packet, at),
      onRtcp: (leg, packet, at) => {
        this.#quality.onRtcp(leg, packet, at);
        this.#loop?.onRtcp(leg, packet, at);
      },
    });
    this.#work(spec);
    this.#quality.update(spec);
  }

  update(spec: MediaSessionSpec): void {
    if (this.#over) return;
    const plan = planOf(spec);
    this.#relayed.update(plan.relay);
    this.#plan = plan;
    this.#work(spec);
    this.#quality.update(spec);
  }

  /** Records and plays as `spec` says, and sees to it that what is to pass through samples does. */
  #work(spec: MediaSessionSpec): void {
    const [a, b] = this.#plan.legs;
    const playing = [a.playing, b?.playing ?? null] as const;
    this.#sound.update({ recording: spec.recording ?? null, playing }, this.#plan.sampleRate);
    if (this.#loop) this.#loop.update(this.#plan);
    else if (this.#plan.isAtWork) this.#startedLoop();
  }

  digit(leg: LegIndex, digit: string, durationMs: number): void {
    if (!this.#over) this.#startedLoop().digit(leg, digit, durationMs);
  }

  end(done: (summary: MediaSummary) => void): void {
    const [qualityOfA, qualityOfB] = this.#quality.end();
    if (!this.#over) {
      this.#over = true;
      this.#loop?.[Symbol.dispose]();
      this.#onEnd(this);
    }
    this.#relayed.end(([a, b]) =>
      this.#sound.end((recordings) =>
        done({
          legs: [
            { counters: a, quality: qualityOfA },
            { counters: b, quality: qualityOfB },
          ],
          recordings,
        }),
      ),
    );
  }

  counters(): readonly [LegCounters, LegCounters] {
    return this.#relayed.counters();
  }

  #fail(error: unknown): void {
    this.#host.log.error('the sound of a call failed', { call_id: this.#plan.relay.id, error });
    this.#user.onLost?.('the sound of the call failed');
  }

  #startedLoop(): MediaLoop {
    this.#loop ??= new MediaLoop(
      this.#plan,
      this.#relayed,
      this.#sound,
      {
        onDigit: (leg, digit, durationMs) => this.#user.onDigit?.(leg, digit, durationMs),
        onOwnRtcp: (leg, packet) => this.#quality.ownRtcp(leg, packet),
        onFailure: (error) => this.#fail(error),
      },
      this.#host,
    );
    return this.#loop;
  }
}
