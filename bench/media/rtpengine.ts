import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bencoded, bdecode, bencode } from './bencode.ts';
import type { Carrier, Door, Phone } from './carrier.ts';

const controlPort = 12_222;
const suite = 'AES_CM_128_HMAC_SHA1_80';

/** Debian's rtpengine in userspace, with a control protocol of datagrams. It ends with this process. */
export class Rtpengine implements Carrier {
  readonly media: readonly number[];
  readonly control: readonly number[] = [process.pid];
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly #waiting = new Map<string, (answer: Bencoded) => void>();
  #cookies = 0;
  #calls = 0;

  private constructor(child: ChildProcess, socket: Socket) {
    this.#child = child;
    this.media = [child.pid!];
    this.#socket = socket;
    socket.on('message', (bytes) => {
      const text = bytes.toString('latin1');
      const space = text.indexOf(' ');
      this.#waiting.get(text.slice(0, space))?.(bdecode(text.slice(space + 1)));
    });
  }

  /** Throws where it does not answer. */
  static async open(address: string): Promise<Rtpengine> {
    const args = [
      '--foreground',
      // It would say of each busy socket that it is busy, and be slower for it.
      '--log-stderr',
      '--log-level=0',
      '--table=-1',
      `--interface=${address}`,
      `--listen-ng=${address}:${controlPort}`,
      '--port-min=12000',
      '--port-max=32000',
      '--delete-delay=0',
    ];
    const child = spawn('rtpengine', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    process.once('exit', () => child.kill('SIGKILL'));
    await once(child, 'spawn');
    const socket = createSocket('udp4');
    socket.connect(controlPort, address);
    await once(socket, 'connect');
    // Refused while it is not there yet.
    socket.on('error', () => {});
    const rtpengine = new Rtpengine(child, socket);
    await rtpengine.#ask({ command: 'ping' });
    return rtpengine;
  }

  async start(calls: readonly (readonly [Phone, Phone])[]): Promise<readonly (readonly [Door, Door])[]> {
    const doors: (readonly [Door, Door])[] = [];
    for (const [caller, callee] of calls) {
      const call = {
        'call-id': `${++this.#calls}`,
        'from-tag': 'a',
        ICE: 'remove',
        flags: ['trust-address'],
        replace: ['origin', 'session-connection'],
      };
      if (caller.key !== null) throw new Error('rtpengine hands keys from phone to phone where both have some');
      const offer = await this.#ask({
        ...call,
        command: 'offer',
        'transport-protocol': profile(callee),
        sdp: description(caller, ''),
      });
      const { door, tag } = doorIn(offer);
      const answer = await this.#ask({
        ...call,
        command: 'answer',
        'to-tag': 'b',
        'transport-protocol': profile(caller),
        sdp: description(callee, tag),
      });
      doors.push([doorIn(answer).door, door]);
    }
    return doors;
  }

  async end(): Promise<{ readonly counted: Readonly<Record<string, number>>; readonly portsInUse: number | null }> {
    const calls = this.#calls;
    for (; this.#calls > 0; this.#calls--) {
      await this.#ask({ command: 'delete', 'call-id': `${this.#calls}`, 'from-tag': 'a' });
    }
    return { counted: { calls }, portsInUse: null };
  }

  async close(): Promise<void> {
    this.#socket.close();
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** Throws where it refuses, or where it has not answered in 5 s. */
  async #ask(request: { readonly [key: string]: Bencoded }): Promise<{ readonly [key: string]: Bencoded }> {
    const cookie = `c${++this.#cookies}`;
    const { promise, resolve } = Promise.withResolvers<Bencoded>();
    this.#waiting.set(cookie, resolve);
    let answer: Bencoded | null = null;
    for (let tries = 0; tries < 50 && answer === null; tries++) {
      this.#socket.send(Buffer.from(`${cookie} ${bencode(request)}`, 'latin1'));
      answer = await Promise.race([promise, sleep(100, null)]);
    }
    this.#waiting.delete(cookie);
    const { result } = answer as { readonly [key: string]: Bencoded };
    if (result !== 'ok' && result !== 'pong') throw new Error(`rtpengine: ${JSON.stringify(answer)}`);
    return answer as { readonly [key: string]: Bencoded };
  }
}

function profile({ key }: Phone): string {
  return key === null ? 'RTP/AVP' : 'RTP/SAVP';
}

/** `tag`: of the offered key that this one answers (RFC 4568 section 5.1.2). */
function description(phone: Phone, tag: string): string {
  const { address, port, key } = phone;
  const inline = key === null ? '' : Buffer.from(key, 'hex').toString('base64');
  return [
    'v=0',
    `o=- 1 1 IN IP4 ${address}`,
    's=-',
    `c=IN IP4 ${address}`,
    't=0 0',
    `m=audio ${port} ${profile(phone)} 0`,
    ...(key === null ? [] : [`a=crypto:${tag} ${suite} inline:${inline}`]),
    'a=rtpmap:0 PCMU/8000',
    'a=sendrecv',
    '',
  ].join('\r\n');
}

function doorIn(answer: { readonly [key: string]: Bencoded }): { readonly door: Door; readonly tag: string } {
  const sdp = String(answer['sdp']);
  const port = Number(/^m=audio (\d+)/m.exec(sdp)?.[1]);
  const [, tag = '', key] = new RegExp(`^a=crypto:(\\d+) ${suite} inline:([^|\\s]+)`, 'm').exec(sdp) ?? [];
  return { door: { port, key: key === undefined ? null : Buffer.from(key, 'base64').toString('hex') }, tag };
}
