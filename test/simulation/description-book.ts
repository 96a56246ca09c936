import type { SipMessage } from '../../src/sip/message/index.ts';

interface Session {
  readonly id: string;
  version: number;
  /** Without its version. */
  text: string;
}

/**
 * What the exchange has described in each dialog: one session id, a version that rises exactly when something else is
 * said (RFC 3264 §8), and one answer to each INVITE, in provisional and final responses alike (RFC 3261 §13.2.1).
 */
export class DescriptionBook {
  readonly #accuse: (fault: string) => void;
  readonly #sessions = new Map<string, Session>();
  readonly #answers = new Map<string, string>();

  constructor(accuse: (fault: string) => void) {
    this.#accuse = accuse;
  }

  /** Takes note of a message that the exchange sends. */
  see(message: SipMessage): void {
    if (message.body.length === 0 || !message.headers.get('Content-Type')?.includes('sdp')) return;
    const text = new TextDecoder().decode(message.body);
    const ourTag = message.kind === 'request' ? message.fromTag : message.toTag;
    const phoneTag = message.kind === 'request' ? message.toTag : message.fromTag;
    const begun = `${message.callId} ${ourTag}`;
    const dialog = phoneTag === null ? begun : `${begun} ${phoneTag}`;
    // Each dialog that an INVITE of ours makes begins with what that has said.
    const beginning = this.#sessions.get(begun);
    if (beginning && !this.#sessions.has(dialog)) this.#sessions.set(dialog, { ...beginning });
    this.#seeSession(dialog, text);
    if (message.kind === 'response') {
      const answer = `${message.topVia.params.get('branch')} ${ourTag}`;
      const before = this.#answers.get(answer);
      if (before !== undefined && before !== text) {
        this.#accuse(`two descriptions answer one INVITE of dialog ${dialog}:\n${before}\nand\n${text}`);
      }
      this.#answers.set(answer, text);
    }
  }

  #seeSession(dialog: string, text: string): void {
    const [, id = '', version = ''] = /^o=\S+ (\d+) (\d+)/m.exec(text) ?? [];
    const rest = text.replace(/^(o=\S+ \d+) \d+/m, '$1');
    const number = Number(version);
    const session = this.#sessions.get(dialog);
    if (!session) {
      this.#sessions.set(dialog, { id, version: number, text: rest });
      return;
    }
    if (session.id !== id) this.#accuse(`the session id in dialog ${dialog} went from ${session.id} to ${id}`);
    else if (number < session.version) {
      // A repetition of what was said before something else.
      return;
    } else if (number === session.version && rest !== session.text) {
      this.#accuse(`version ${number} in dialog ${dialog} is two descriptions:\n${session.text}\nand\n${rest}`);
    } else if (number > session.version && rest === session.text) {
      this.#accuse(`the version in dialog ${dialog} rose to ${number} though nothing has changed`);
    }
    session.version = number;
    session.text = rest;
  }
}
