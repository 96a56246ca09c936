import type { Clock } from '../../src/base/index.ts';
import type { SipMessage } from '../../src/sip/message/index.ts';
import type { Flow } from '../../src/sip/transport/index.ts';

/** A request that reached the exchange, other than INVITE and ACK. */
interface Asked {
  readonly name: string;
  readonly method: string;
  readonly flow: Flow;
  final: string | null;
  finalAt: number;
}

/** What the phone of the other side is to answer; where that keeps silent, so do we (RFC 4320 §4.2). */
const passedOn: ReadonlySet<string> = new Set(['INFO', 'MESSAGE', 'UPDATE']);

/** How long an answer is repeated at least, in ms (64·T1). */
const remembered = 32_000;

/** Every request of a phone is answered at last, and always with the same words. */
export class AnswerBook {
  readonly #clock: Clock;
  readonly #accuse: (fault: string) => void;
  readonly #asked = new Map<string, Asked>();

  constructor(clock: Clock, accuse: (fault: string) => void) {
    this.#clock = clock;
    this.#accuse = accuse;
  }

  hear(message: SipMessage, flow: Flow): void {
    if (message.kind === 'response' || message.method === 'ACK' || message.method === 'INVITE') return;
    const key = keyOf(message);
    if (this.#asked.has(key)) return;
    const { method, callId, cseq } = message;
    this.#asked.set(key, { name: `${method} ${cseq.number} of ${callId}`, method, flow, final: null, finalAt: 0 });
  }

  say(message: SipMessage): void {
    if (message.kind === 'request' || message.cseq.method === 'INVITE') return;
    const asked = this.#asked.get(keyOf(message));
    if (!asked) return this.#accuse(`${message.status} answers a ${message.cseq.method} that never arrived`);
    if (message.status < 200) return;
    const final = `${message.status} with tag ${message.toTag} and ${message.body.length} bytes`;
    const now = this.#clock.now();
    if (asked.final !== null && asked.final !== final && now - asked.finalAt < remembered) {
      this.#accuse(`the ${asked.name} got ${asked.final} and then ${final}`);
    }
    if (asked.final === null) asked.finalAt = now;
    asked.final ??= final;
  }

  conclude(): void {
    for (const { name, method, flow, final } of this.#asked.values()) {
      if (final === null && !flow.closed && !passedOn.has(method)) this.#accuse(`the ${name} was never answered`);
    }
  }
}

function keyOf({ topVia, cseq }: SipMessage): string {
  return `${topVia.host} ${topVia.params.get('branch')} ${cseq.method}`;
}
