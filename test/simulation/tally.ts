import type { SipMessage, SipRequest, SipResponse } from '../../src/sip/message/index.ts';

/** How often each kind of thing was asked, by whom, and how it was answered: what shows that a story is not dull. */
export class Tally {
  readonly counts = new Map<string, number>();
  readonly #asked = new Map<string, string>();
  readonly #answered = new Set<string>();
  /** Call-IDs of which an INVITE has been accepted. */
  readonly #confirmed = new Set<string>();

  /** Takes note of a message; `in`: of one that the exchange receives. */
  see(direction: 'in' | 'out', message: SipMessage): void {
    if (message.kind === 'request') this.#request(direction, message);
    else this.#response(direction, message);
  }

  #request(direction: 'in' | 'out', request: SipRequest): void {
    const key = keyOf(direction, request);
    if (request.method === 'ACK' || this.#asked.has(key)) return;
    this.#asked.set(key, this.#nameOf(direction === 'in' ? 'phone' : 'exchange', request));
  }

  #response(direction: 'in' | 'out', response: SipResponse): void {
    const { status, cseq, callId } = response;
    const asked = this.#asked.get(keyOf(direction === 'in' ? 'out' : 'in', response));
    const who = direction === 'in' ? 'phone' : 'exchange';
    if (status < 200) {
      if (response.headers.has('RSeq')) this.#count(`${who}: reliable ${status}${described(response)}`);
      return;
    }
    if (cseq.method === 'INVITE' && status < 300) this.#confirmed.add(callId);
    const once = `${direction} ${keyOf('in', response)}`;
    if (asked === undefined || this.#answered.has(once)) return;
    this.#answered.add(once);
    this.#count(`${asked}: ${status}`);
  }

  #nameOf(who: string, request: SipRequest): string {
    const { method, headers, toTag, callId } = request;
    const words = [`${who}:`, method];
    const event = headers.get('Event')?.split(';')[0];
    if (event !== undefined) words.push(event);
    if (method === 'INVITE' && toTag !== null) words[1] = 're-INVITE';
    if (method === 'INVITE' && headers.has('Replaces')) words.push('Replaces');
    if (method === 'INVITE' && request.headers.get('To')?.includes('sip:**')) words.push('pick-up');
    if (method === 'REFER') words.push(headers.get('Refer-To')?.includes('Replaces') ? 'attended' : 'blind');
    if (headers.get('Refer-Sub') === 'false') words.push('unreported');
    if (method === 'UPDATE' || method === 'PRACK' || method === 'REFER') {
      words.push(this.#confirmed.has(callId) ? 'confirmed' : 'early');
    }
    if (method === 'NOTIFY' && event === 'refer') {
      words.push(new TextDecoder().decode(request.body).split(' ')[1] ?? '');
    }
    return words.join(' ') + described(request);
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

function described(message: SipMessage): string {
  return message.body.length > 0 && message.headers.get('Content-Type')?.includes('sdp') ? ' +sdp' : '';
}

function keyOf(direction: 'in' | 'out', { topVia, cseq }: SipMessage): string {
  return `${direction} ${topVia.host} ${topVia.params.get('branch')} ${cseq.method}`;
}
