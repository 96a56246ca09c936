import type { MediaLeg, MediaSession, MediaSessionSpec, MediaSessionUser, MediaSummary } from '../engine.ts';
import { addCounters, type LegCounters, type LegIndex, noCounters, type PortPair } from '../relay/relay.ts';
import type { RecordingSummary } from '../sound/recorder.ts';
import type { UserEvent } from './protocol.ts';
import { type PartHost, type PartUser, SessionPart } from './session-part.ts';
import type { WorkerLink } from './worker-link.ts';
import type { Lease, WorkerPorts } from './worker-ports.ts';

/** Where the halves of a session that is carried by two workers meet. */
const loopback = '127.0.0.1';

/** What a session needs of its engine. */
export interface SessionHost extends PartHost {
  readonly ports: WorkerPorts;
}

/** The pairs between the two halves of a session. */
interface Bridge {
  readonly first: PortPair;
  readonly second: PortPair;
}

/**
 * The media of one call in a worker. Where its legs are with two workers, as when two calls are joined by a transfer,
 * each carries its own leg's half, and packets go from one to the other over the loopback interface; the first half
 * does whatever is to be done with them.
 */
export class WorkerSession implements MediaSession {
  readonly #host: SessionHost;
  readonly #user: MediaSessionUser;
  /** The session, or its first half; its second half. */
  #parts: readonly [SessionPart] | readonly [SessionPart, SessionPart] | null = null;
  #bridge: Bridge | null = null;
  #leases: readonly Lease[] = [];
  /** What was counted before the legs came to other workers. */
  #before: readonly [LegCounters, LegCounters] = [noCounters, noCounters];
  #recordings: readonly RecordingSummary[] = [];
  /** Parts that have been left and have not told yet how they were. */
  #leaving = 0;
  #final: MediaSummary | null = null;
  #ending = false;
  readonly #onEnd: ((summary: MediaSummary) => void)[] = [];
  /** What its parts have told at the end. */
  #last: readonly MediaSummary[] | null = null;
  #lost = false;

  constructor(spec: MediaSessionSpec, user: MediaSessionUser, host: SessionHost) {
    this.#host = host;
    this.#user = user;
    this.#place(spec);
  }

  update(spec: MediaSessionSpec): void {
    if (!this.#ending) this.#place(spec);
  }

  digit(leg: LegIndex, digit: string, durationMs: number): void {
    if (!this.#ending) this.#parts?.[0].digit(leg, digit, durationMs);
  }

  end(done: (summary: MediaSummary) => void): void {
    if (this.#final) return done(this.#final);
    this.#onEnd.push(done);
    if (this.#ending) return;
    this.#ending = true;
    for (const lease of this.#leases) lease.session = null;
    this.#leases = [];
    endParts(this.#parts ?? [], (summaries) => {
      this.#release(this.#bridge);
      this.#last = summaries;
      this.#finish();
    });
  }

  /** Tells how it was, once all parts have told, those that were left before too. */
  #finish(): void {
    if (this.#last === null || this.#leaving > 0) return;
    this.#final = this.#summary(this.#last);
    for (const done of this.#onEnd.splice(0)) done(this.#final);
  }

  counters(): readonly [LegCounters, LegCounters] {
    if (this.#final) return [this.#final.legs[0].counters, this.#final.legs[1].counters];
    const [first, second = first] = this.#parts ?? [];
    if (!first || !second) return this.#before;
    return [addCounters(this.#before[0], first.counters[0]), addCounters(this.#before[1], second.counters[1])];
  }

  /** Gives the session to the workers of its legs. Nothing has changed when it throws. */
  #place(spec: MediaSessionSpec): void {
    const leases = spec.legs.flatMap((leg) => (leg ? [this.#leaseOf(leg, spec)] : []));
    const [a, b] = leases;
    if (!a) throw new Error(`session ${spec.id} has no leg`);
    if (a === b) throw new Error(`session ${spec.id}: both legs on port ${a.pair.port}`);
    for (const lease of this.#leases) lease.session = null;
    for (const lease of leases) lease.session = this;
    this.#leases = leases;
    if (this.#lost) return;

    const links = b && b.link !== a.link ? ([a.link, b.link] as const) : ([a.link] as const);
    if (this.#parts && !sameLinks(this.#parts, links)) this.#leave(this.#parts);
    const [first, second] = links;
    if (second === undefined) {
      if (this.#parts) this.#parts[0].update(spec);
      else this.#parts = [this.#part(first, spec, this.#wholeUser())];
      return;
    }
    this.#bridge ??= this.#makeBridge(first, second);
    if (this.#bridge === null) return this.#lose('no port is left between two media workers');
    const [one, other] = halves(spec, this.#bridge);
    if (this.#parts?.[1]) {
      this.#parts[0].update(one);
      this.#parts[1].update(other);
    } else {
      this.#parts = [this.#part(first, one, this.#firstUser()), this.#part(second, other, this.#secondUser())];
    }
  }

  #leaseOf({ port }: MediaLeg, { id }: MediaSessionSpec): Lease {
    const lease = this.#host.ports.find(port);
    if (!lease) throw new Error(`media port ${port.port} is not leased`);
    if (lease.session !== null && lease.session !== this) {
      throw new Error(`session ${id}: port ${port.port} serves another session`);
    }
    return lease;
  }

  #part(link: WorkerLink, spec: MediaSessionSpec, user: PartUser): SessionPart {
    return new SessionPart(link, spec, this.#host, user);
  }

  #wholeUser(): PartUser {
    return { onTold: (event) => this.#tell(event), onDown: (reason) => this.#lose(reason) };
  }

  /** The first half speaks for both, but that it does not know why the phone of the second is not heard. */
  #firstUser(): PartUser {
    const { onTold, onDown } = this.#wholeUser();
    return { onTold: (event) => !isSilenceOf(1, event) && onTold(event), onDown };
  }

  /** The second half has nothing to say that the first does not say too, but of its phone's silence and that it is lost. */
  #secondUser(): PartUser {
    return {
      onTold: (event) => (event.event === 'onLost' || isSilenceOf(1, event)) && this.#tell(event),
      onDown: (reason) => this.#lose(reason),
    };
  }

  #tell({ event, args }: UserEvent): void {
    if (this.#ending) return;
    if (event === 'onLost') return this.#lose(args[0]);
    (this.#user[event] as ((...args: unknown[]) => void) | undefined)?.(...args);
  }

  #lose(reason: string): void {
    if (this.#lost || this.#ending) return;
    this.#lost = true;
    this.#user.onLost?.(reason);
  }

  /** The legs are with other workers now: what these have counted is kept. */
  #leave(parts: readonly SessionPart[]): void {
    const bridge = this.#bridge;
    this.#bridge = null;
    this.#parts = null;
    this.#leaving++;
    endParts(parts, (summaries) => {
      this.#leaving--;
      this.#release(bridge);
      const { legs, recordings } = this.#summary(summaries);
      this.#before = [legs[0].counters, legs[1].counters];
      this.#recordings = recordings;
      this.#finish();
    });
  }

  #summary(summaries: readonly MediaSummary[]): MediaSummary {
    const [first, second = first] = summaries;
    const [a, b] = this.#before;
    const recordings = this.#recordings;
    if (!first || !second) {
      const legs = [
        { counters: a, quality: null },
        { counters: b, quality: null },
      ] as const;
      return { legs, recordings };
    }
    return {
      recordings: [...recordings, ...first.recordings],
      legs: [
        { ...first.legs[0], counters: addCounters(a, first.legs[0].counters) },
        { ...second.legs[1], counters: addCounters(b, second.legs[1].counters) },
      ],
    };
  }

  #makeBridge(one: WorkerLink, other: WorkerLink): Bridge | null {
    const { ports } = this.#host;
    const first = ports.lease(loopback, one);
    const second = ports.lease(loopback, other);
    if (first && second) return { first, second };
    if (first) ports.release(first);
    if (second) ports.release(second);
    return null;
  }

  #release(bridge: Bridge | null): void {
    if (bridge === null) return;
    this.#host.ports.release(bridge.first);
    this.#host.ports.release(bridge.second);
  }
}

/** Whether it tells that the phone of `leg` is not heard. */
function isSilenceOf(leg: LegIndex, told: UserEvent): boolean {
  return told.event === 'onOneWay' && told.args[0].leg === leg;
}

function sameLinks(parts: readonly SessionPart[], links: readonly WorkerLink[]): boolean {
  return parts.length === links.length && parts.every((part, index) => part.link === links[index]);
}

/** Ends all, and tells when the last has ended. */
function endParts(parts: readonly SessionPart[], done: (summaries: readonly MediaSummary[]) => void): void {
  if (parts.length === 0) return done([]);
  const summaries: MediaSummary[] = [];
  let left = parts.length;
  parts.forEach((part, index) => {
    part.end((summary) => {
      summaries[index] = summary;
      if (--left === 0) done(summaries);
    });
  });
}

/**
 * The two halves of a session whose second leg is with another worker. Between them codecs have the numbers of the
 * second leg's phone, so that the second half changes none.
 */
function halves(spec: MediaSessionSpec, { first, second }: Bridge): readonly [MediaSessionSpec, MediaSessionSpec] {
  const [a, b] = spec.legs;
  if (b === null) throw new Error(`session ${spec.id} has one leg and needs no bridge`);
  const joint = { signalling: loopback, send: true, ptime: b.ptime };
  const beyond: MediaLeg = { ...joint, port: first, remote: remoteAt(second), codecs: b.codecs, expected: talks(b) };
  const before: MediaLeg = {
    ...joint,
    expected: talks(a),
    port: second,
    remote: remoteAt(first),
    codecs: b.codecs.map((codec) => ({
      ...codec,
      receivedAs: codec.payloadType,
      payloadType: codec.receivedAs,
    })),
  };
  return [
    { ...spec, legs: [a, beyond] },
    { id: `${spec.id}/2`, legs: [before, b], idleTimeout: null, answered: spec.answered },
  ];
}

/** Whether media is to flow both ways with the phone of `leg`. */
function talks({ send, expected = true }: MediaLeg): boolean {
  return send && expected;
}

function remoteAt({ address, port }: PortPair) {
  return { address, port, rtcpPort: port + 1 };
}
