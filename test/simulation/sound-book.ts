import type { LegFacts, PbxEvent } from '../../src/pbx/events/index.ts';
import type { SipMessage } from '../../src/sip/message/index.ts';

/** What a phone does in a call. */
export type Role = 'talks' | 'holds' | 'listens';

const roles = [
  ['sendrecv', 'talks'],
  ['sendonly', 'holds'],
  ['recvonly', 'listens'],
] as const;

/** Requests that may change a session. */
const changing: ReadonlySet<string> = new Set(['INVITE', 'UPDATE', 'PRACK', 'ACK']);

/** What the two sides of a session have said last. */
interface Descriptions {
  /** The direction and the rtpmaps of the phone's audio; null where there is something else too, or nothing was said. */
  readonly stated: string | null;
  /** What the phone was told. */
  readonly told: string | null;
}

/** What is known of the session between the exchange and one phone. */
interface Session {
  /** Requests that may change it and are not answered, 2xx without their ACK among them; with what held before each. */
  readonly pending: Map<string, Descriptions>;
  readonly done: Set<string>;
  now: Descriptions;
  /** The tag by which the phone has described it. */
  phoneTag: string | null;
  /** More than one phone has described it, or one has answered an offer in two ways: it is not known which holds. */
  isUnclear: boolean;
  /** What the phone has answered, by the request with the offer. */
  readonly answers: Map<string, string | null>;
  /** How often any of it has changed. */
  changes: number;
}

/**
 * Who should hear whom: the two phones of an answered call each of which has last described an ordinary session, with
 * nothing under way that may change it.
 */
export class SoundBook {
  readonly #legs = new Map<string, LegFacts>();
  /** By Call-ID. */
  readonly #sessions = new Map<string, Session>();

  happen(event: PbxEvent): void {
    if (event.type === 'leg.changed') this.#legs.set(event.leg.legId, event.leg);
  }

  see(direction: 'in' | 'out', message: SipMessage): void {
    const { number, method } = message.cseq;
    if (!changing.has(method)) return;
    const session = this.#sessionOf(message.callId);
    session.changes++;
    const isRequest = message.kind === 'request';
    const asker = isRequest === (direction === 'in') ? 'phone' : 'exchange';
    const name = `${method === 'ACK' ? 'INVITE' : method} ${number} of the ${asker}`;
    const isRefused = message.kind === 'response' && message.status >= 300;
    const isOver = method === 'ACK' || isRefused || (!isRequest && message.status >= 200 && method !== 'INVITE');
    if (isRequest && method !== 'ACK' && !session.done.has(name) && !session.pending.has(name)) {
      session.pending.set(name, session.now);
    }
    if (isRefused) session.now = session.pending.get(name) ?? session.now;
    // What is repeated when all is done says nothing new.
    else if (!session.done.has(name)) this.#read(session, direction, message, name);
    if (!isOver) return;
    session.pending.delete(name);
    session.done.add(name);
  }

  #sessionOf(callId: string): Session {
    const known = this.#sessions.get(callId);
    if (known) return known;
    const now = { stated: null, told: null };
    const session: Session = {
      pending: new Map(),
      done: new Set(),
      answers: new Map(),
      now,
      phoneTag: null,
      isUnclear: false,
      changes: 0,
    };
    this.#sessions.set(callId, session);
    return session;
  }

  #read(session: Session, direction: 'in' | 'out', message: SipMessage, request: string): void {
    if (message.body.length === 0 || !message.headers.get('Content-Type')?.includes('sdp')) return;
    const text = new TextDecoder().decode(message.body);
    if (direction === 'out') {
      session.now = { ...session.now, told: text };
      return;
    }
    const tag = message.kind === 'request' ? message.fromTag : message.toTag;
    session.isUnclear ||= session.phoneTag !== null && session.phoneTag !== tag;
    session.phoneTag = tag;
    const way = /^a=(sendrecv|sendonly|recvonly|inactive)/m.exec(text)?.[1];
    const isOrdinary = way && !text.includes('0.0.0.0') && !text.includes('m=video');
    const stated = isOrdinary ? `${way} ${mapsIn(text).toSorted()}` : null;
    if (message.kind === 'response') {
      const before = session.answers.get(request);
      session.isUnclear ||= before !== undefined && before !== stated;
      // An answer that is repeated says nothing of what has come since.
      if (before !== undefined) return;
      session.answers.set(request, stated);
    }
    session.now = { ...session.now, stated };
  }

  /**
   * The Call-ID of the phone with which the one talks that knows its call by `callId`; null where there are not exactly
   * two in the call, both of them answered.
   */
  partnerOf(callId: string): string | null {
    const own = this.#legOf(callId);
    if (!own) return null;
    const legs = [...this.#legs.values()].filter((leg) => leg.callId === own.callId && leg.state !== 'terminated');
    const [other, third] = legs.filter((leg) => leg !== own);
    return other && !third && other.state === 'confirmed' ? other.dialog.sipCallId : null;
  }

  /**
   * What a phone does that has said last that it can do `codecs` (rtpmaps), and knows by `remoteSdp` what it was told
   * last; null where something may change it, or it does something else.
   */
  roleOf(callId: string, codecs: readonly string[], remoteSdp: string | null): Role | null {
    const session = this.#sessions.get(callId);
    if (!session || session.isUnclear || session.pending.size > 0) return null;
    const { stated, told } = session.now;
    if (told === null || told !== remoteSdp) return null;
    // A careless phone may have answered with nothing of what was offered.
    if (!mapsIn(told).some((map) => codecs.includes(map) && !map.startsWith('telephone-event'))) return null;
    for (const [direction, role] of roles) if (stated === `${direction} ${codecs.toSorted()}`) return role;
    return null;
  }

  /** Rises whenever anything of the session may have changed. */
  changesOf(callId: string): number {
    return this.#sessions.get(callId)?.changes ?? 0;
  }

  #legOf(callId: string): LegFacts | null {
    for (const leg of this.#legs.values()) {
      if (leg.dialog.sipCallId === callId && leg.state === 'confirmed') return leg;
    }
    return null;
  }
}

/** The rtpmaps of a description, as name and clock rate. */
function mapsIn(sdp: string): string[] {
  return [...sdp.matchAll(/^a=rtpmap:\d+ (\S+)/gm)].map(([, map = '']) => map);
}
