import { type Address, formatAddress, type Random, randomToken } from '../src/base/index.ts';
import { answerChallenge } from '../src/sip/ua/index.ts';
import { message, sessionDescription } from './messages.ts';

/** One call of the caller, from INVITE to the end of its BYE. */
interface Call {
  readonly id: string;
  readonly fromTag: string;
  sequence: number;
  answered: boolean;
  /** To with its tag and the Contact of the answer, once there is one. */
  to: string;
  target: string;
}

export interface PhonesOptions {
  readonly server: Address;
  readonly caller: Address;
  readonly callee: Address;
  /** Where both want their audio, or each of them in the call that is being set up. */
  readonly media: Address | ((as: 'caller' | 'callee') => Address);
  readonly random: Random;
  readonly password: string;
  /** Sends as the caller or as the callee. */
  readonly send: (as: 'caller' | 'callee', bytes: Uint8Array) => void;
  /** How long a call lasts: called when it is answered, with what hangs up. */
  readonly onAnswer: (hangUp: () => void) => void;
  /** The port that the exchange wants audio at, of each side of each call. */
  readonly onMedia?: (as: 'caller' | 'callee', port: number) => void;
}

const decoder = new TextDecoder();

/**
 * Phone 1001, which calls, and phone 1002, which answers at once: as many calls at a time as wanted. It works on text,
 * with as little of it as will do, so that it costs less than what it measures. It repeats nothing.
 */
export class Phones {
  /** Calls that have begun, have been answered, have ended as they should, have been refused. */
  readonly counts = { begun: 0, answered: 0, ended: 0, refused: 0, registered: 0 };
  readonly #options: PhonesOptions;
  readonly #calls = new Map<string, Call>();
  #serial = 0;

  constructor(options: PhonesOptions) {
    this.#options = options;
  }

  register(number: '1001' | '1002'): void {
    const { server } = this.#options;
    const as = number === '1001' ? 'caller' : 'callee';
    const uri = `sip:${formatAddress(server)}`;
    const call = this.#newCall(`<sip:${number}@${server.address}>`, uri);
    this.#register(as, number, call, null);
  }

  call(): void {
    const { server } = this.#options;
    const uri = `sip:1002@${formatAddress(server)}`;
    const call = this.#newCall(`<${uri}>`, uri);
    this.counts.begun++;
    this.#invite(call, null);
  }

  /** What arrived at one of the phones. */
  receive(as: 'caller' | 'callee', bytes: Uint8Array): void {
    const text = decoder.decode(bytes);
    if (text.startsWith('SIP/2.0 ')) this.#onResponse(as, text, Number(text.slice(8, 11)));
    else this.#onRequest(as, text);
  }

  #newCall(to: string, target: string): Call {
    const id = `${++this.#serial}-${randomToken(this.#options.random, 8)}`;
    const call: Call = { id, fromTag: `f${this.#serial}`, sequence: 1, answered: false, to, target };
    this.#calls.set(id, call);
    return call;
  }

  #register(as: 'caller' | 'callee', number: string, call: Call, credentials: string | null): void {
    this.#request(as, 'REGISTER', call, [
      `From: <sip:${number}@${this.#options.server.address}>;tag=${call.fromTag}`,
      `Contact: <sip:${number}@${formatAddress(this.#options[as])}>`,
      'Expires: 3600',
      ...(credentials === null ? [] : [`Authorization: ${credentials}`]),
    ]);
  }

  #invite(call: Call, credentials: string | null): void {
    const media = this.#media('caller');
    const sdp = sessionDescription(media.address, media.port);
    this.#request(
      'caller',
      'INVITE',
      call,
      [
        this.#from(call),
        `Contact: <sip:1001@${formatAddress(this.#options.caller)}>`,
        'Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO',
        'User-Agent: Bench 1',
        'Content-Type: application/sdp',
        ...(credentials === null ? [] : [`Authorization: ${credentials}`]),
      ],
      sdp,
    );
  }

  #media(as: 'caller' | 'callee'): Address {
    const { media } = this.#options;
    return typeof media === 'function' ? media(as) : media;
  }

  #from({ fromTag }: Call): string {
    return `From: "Alice" <sip:1001@${this.#options.server.address}>;tag=${fromTag}`;
  }

  #request(as: 'caller' | 'callee', method: string, call: Call, more: readonly string[], body = ''): void {
    // The ACK of a refusal belongs to the transaction of its INVITE, that of an answer does not (RFC 3261 §17.1.1.3).
    const step = method === 'ACK' && call.answered ? 'ACK' : method === 'BYE' ? 'BYE' : 'request';
    const branch = `z9hG4bK${call.id}.${call.sequence}${step}`;
    const lines = [
      `${method} ${call.target} SIP/2.0`,
      `Via: SIP/2.0/UDP ${formatAddress(this.#options[as])};branch=${branch};rport`,
      'Max-Forwards: 70',
      `To: ${call.to}`,
      `Call-ID: ${call.id}`,
      `CSeq: ${call.sequence} ${method}`,
      ...more,
    ];
    this.#options.send(as, message(lines, body));
  }

  #onResponse(as: 'caller' | 'callee', text: string, status: number): void {
    const call = this.#calls.get(field(text, 'Call-ID'));
    if (!call || status < 200) return;
    const method = field(text, 'CSeq').split(' ')[1];
    if (status === 401) return this.#answerChallenge(as, text, call, method);
    if (method === 'INVITE' && status < 300) return this.#onAnswer(text, call);
    this.#calls.delete(call.id);
    if (status >= 300) this.counts.refused++;
    else if (method === 'REGISTER') this.counts.registered++;
    else if (method === 'BYE') this.counts.ended++;
    if (method === 'INVITE') this.#request('caller', 'ACK', { ...call, to: field(text, 'To') }, [this.#from(call)]);
  }

  #answerChallenge(as: 'caller' | 'callee', text: string, call: Call, method = ''): void {
    // A challenge that is repeated, because we were slow, has been answered already.
    if (Number.parseInt(field(text, 'CSeq'), 10) < call.sequence) return;
    if (call.sequence > 1) return this.#forget(call);
    const { password, random } = this.#options;
    const username = as === 'caller' ? '1001' : '1002';
    const challenges = text.split('\r\n').flatMap((line) => /^WWW-Authenticate: (.*)/i.exec(line)?.[1] ?? []);
    if (method === 'INVITE') this.#request('caller', 'ACK', { ...call, to: field(text, 'To') }, [this.#from(call)]);
    const credentials = answerChallenge(challenges, { method, uri: call.target }, { username, password }, random);
    if (credentials === null) return this.#forget(call);
    call.sequence++;
    if (method === 'INVITE') this.#invite(call, credentials);
    else this.#register(as, username, call, credentials);
  }

  #forget(call: Call): void {
    this.#calls.delete(call.id);
    this.counts.refused++;
  }

  #onAnswer(text: string, call: Call): void {
    call.to = field(text, 'To');
    call.target = uriIn(field(text, 'Contact'));
    const repeated = call.answered;
    call.answered = true;
    this.#request('caller', 'ACK', call, [this.#from(call)]);
    // A repeated answer is acknowledged again and is nothing new.
    if (repeated) return;
    this.counts.answered++;
    this.#options.onMedia?.('caller', mediaPort(text));
    this.#options.onAnswer(() => {
      call.sequence++;
      this.#request('caller', 'BYE', call, [this.#from(call)]);
    });
  }

  #onRequest(as: 'caller' | 'callee', text: string): void {
    if (text.startsWith('ACK ')) return;
    if (!text.startsWith('INVITE ')) return this.#respond(as, text, '200 OK');
    const { callee } = this.#options;
    const media = this.#media('callee');
    const contact = `Contact: <sip:1002@${formatAddress(callee)}>`;
    this.#respond(as, text, '180 Ringing', [contact]);
    const body = sessionDescription(media.address, media.port, 2);
    this.#respond(as, text, '200 OK', [contact, 'Content-Type: application/sdp'], body);
    this.#options.onMedia?.('callee', mediaPort(text));
  }

  #respond(as: 'caller' | 'callee', request: string, status: string, more: readonly string[] = [], body = ''): void {
    const to = field(request, 'To');
    const lines = [
      `SIP/2.0 ${status}`,
      ...request.split('\r\n').filter((line) => line.startsWith('Via: ')),
      `From: ${field(request, 'From')}`,
      `To: ${to.includes(';tag=') ? to : `${to};tag=b`}`,
      `Call-ID: ${field(request, 'Call-ID')}`,
      `CSeq: ${field(request, 'CSeq')}`,
      ...more,
    ];
    this.#options.send(as, message(lines, body));
  }
}

/** The value of a header field that is written as we expect it. */
function field(text: string, name: string): string {
  const start = text.indexOf(`\r\n${name}: `);
  if (start < 0) throw new Error(`no ${name} in ${text}`);
  const from = start + name.length + 4;
  return text.slice(from, text.indexOf('\r\n', from));
}

function uriIn(contact: string): string {
  return contact.slice(contact.indexOf('<') + 1, contact.indexOf('>'));
}

function mediaPort(text: string): number {
  const start = text.indexOf('\r\nm=audio ') + 10;
  return Number(text.slice(start, text.indexOf(' ', start)));
}
