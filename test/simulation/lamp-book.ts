import type { Clock } from '../../src/base/index.ts';
import type { LegFacts, PbxEvent } from '../../src/pbx/events/index.ts';
import type { SipMessage, SipRequest } from '../../src/sip/message/index.ts';
import type { Flow } from '../../src/sip/transport/index.ts';
import { readDialogInfo } from '../support/dialog-info.ts';

/** A NOTIFY that has no final answer yet. */
interface Outstanding {
  readonly branch: string;
  readonly at: number;
  readonly flow: Flow;
}

/** The NOTIFYs of one subscription. */
interface Told {
  /** By CSeq number. */
  readonly texts: Map<number, string>;
  outstanding: Outstanding | null;
}

/** After 64·T1 without an answer a NOTIFY is over; in ms, with room for what the clock rounds. */
const longest = 31_999;
/** Dialogs that one NOTIFY tells at most. */
const mostDialogs = 8;

/**
 * What those who watch calls are told: in every NOTIFY the calls that there are in that moment, each with a version of
 * its own, and never two at a time.
 */
export class LampBook {
  readonly #clock: Clock;
  readonly #accuse: (fault: string) => void;
  readonly #legs = new Map<string, LegFacts>();
  readonly #subscriptions = new Map<string, Told>();
  /** By the branch of each NOTIFY. */
  readonly #waiting = new Map<string, Told>();

  constructor(clock: Clock, accuse: (fault: string) => void) {
    this.#clock = clock;
    this.#accuse = accuse;
  }

  /** Takes note of what happens. */
  happen(event: PbxEvent): void {
    if (event.type !== 'leg.changed') return;
    if (event.leg.state === 'terminated') this.#legs.delete(event.leg.legId);
    else this.#legs.set(event.leg.legId, event.leg);
  }

  /** Takes note of what arrives. */
  hear(message: SipMessage): void {
    if (message.kind === 'request' || message.status < 200 || message.cseq.method !== 'NOTIFY') return;
    const branch = branchOf(message);
    const told = this.#waiting.get(branch);
    if (told?.outstanding?.branch === branch) told.outstanding = null;
  }

  /** Takes note of what the exchange sends. */
  say(message: SipMessage, flow: Flow): void {
    if (message.kind === 'response' || message.method !== 'NOTIFY') return;
    // Those of a REFER have a book of their own.
    if (message.headers.get('Event')?.startsWith('refer')) return;
    const name = `${message.callId} ${message.fromTag} ${message.headers.get('Event')}`;
    const told = this.#subscriptions.get(name) ?? { texts: new Map(), outstanding: null };
    this.#subscriptions.set(name, told);
    const text = new TextDecoder().decode(message.body);
    const { number } = message.cseq;
    const before = told.texts.get(number);
    if (before !== undefined) {
      if (before !== text) this.#accuse(`NOTIFY ${number} of ${name} was repeated with another body`);
      return;
    }
    const now = this.#clock.now();
    if (told.outstanding && !told.outstanding.flow.closed && now - told.outstanding.at < longest) {
      this.#accuse(`NOTIFY ${number} of ${name} was sent while another was on its way`);
    }
    told.outstanding = { branch: branchOf(message), at: now, flow };
    this.#waiting.set(branchOf(message), told);
    if (message.headers.get('Content-Type') === 'application/dialog-info+xml') {
      this.#read(message, text, told.texts.size, name);
    }
    told.texts.set(number, text);
  }

  #read(notify: SipRequest, text: string, version: number, name: string): void {
    const info = readDialogInfo(text);
    if (info.version !== version) this.#accuse(`version ${info.version} follows ${version - 1} in ${name}`);
    const extension = /^sip:([^@]*)@/.exec(info.entity ?? '')?.[1];
    const legs = [...this.#legs.values()].filter((leg) => leg.extension === extension).slice(0, mostDialogs);
    const expected =
      legs.length > 0 ? legs.map(({ legId, state }) => `${legId} ${state}`) : [`${extension} terminated`];
    const told = info.dialogs.map(({ id, state }) => `${id} ${state}`);
    if (expected.join() === told.join()) return;
    this.#accuse(`NOTIFY ${notify.cseq.number} of ${name} told ${told.join()} when there was ${expected.join()}`);
  }
}

function branchOf(message: SipMessage): string {
  return message.topVia.params.get('branch') ?? '';
}
