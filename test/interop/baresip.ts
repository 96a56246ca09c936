import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Folder, Protocol } from './exchange-process.ts';
import { freePorts } from './free-ports.ts';
import { type Place, thisMachine } from './place.ts';
import { Program } from './program.ts';
import { tone, wavFile } from './tone.ts';

export interface BaresipOptions {
  readonly folder: Folder;
  readonly number: string;
  readonly password: string;
  /** `host:port` of the exchange. */
  readonly exchange: string;
  readonly protocol: Protocol;
  /** Hz of the tone that it says into the call. */
  readonly tone: number;
  /** All that it can speak; PCMU by default. */
  readonly codec?: BaresipCodec;
  /** Picks up by itself. */
  readonly answers?: boolean;
  readonly address?: string;
  /** The URI of the proxy that everything goes to. */
  readonly proxy?: string;
  /** Where it runs; this machine by default. */
  readonly place?: Place;
  /** Its ports, where they are not to be free ones: of SIP, and the first of eight of RTP. */
  readonly ports?: { readonly sip: number; readonly rtp: number };
  /** s between two registrations. */
  readonly interval?: number;
  /** SRTP by SDES: beside plain media, or nothing else; without it, plain media. */
  readonly encryption?: 'srtp' | 'srtp-mand';
}

/** As baresip names them: with the rate of their samples. */
const codecs = { PCMU: 'PCMU/8000/1', PCMA: 'PCMA/8000/1', G722: 'G722/16000/1', opus: 'opus/48000/2' } as const;

export type BaresipCodec = keyof typeof codecs;

interface BaresipEvent {
  readonly event: true;
  readonly type: string;
  readonly param?: string;
}

const modules = ['g711', 'g722', 'opus', 'aufile', 'aubridge', 'sndfile', 'srtp'];

/**
 * One baresip 1.0 with a configuration of its own: speaks a tone from a file, keeps what it hears in a file, and is told
 * what to do over its control port (JSON in netstrings).
 */
export class Baresip implements AsyncDisposable {
  readonly number: string;
  readonly #program: Program;
  readonly #recordings: string;
  readonly #socket: Duplex;
  readonly #events: BaresipEvent[] = [];
  #received = '';
  /** Whether it has answered a command of ours. */
  #answered = false;

  private constructor(number: string, program: Program, recordings: string, socket: Duplex) {
    this.number = number;
    this.#program = program;
    this.#recordings = recordings;
    this.#socket = socket;
    socket.setEncoding('utf8').on('data', (text: string) => this.#receive(text));
    socket.on('error', () => {});
  }

  /** Starts it and waits until it is registered. */
  static async start(options: BaresipOptions): Promise<Baresip> {
    const { folder, number, password, exchange, protocol, answers = false, address = '127.0.0.1' } = options;
    const { place = thisMachine, interval = 60, codec = 'PCMU' } = options;
    const home = folder.file(`baresip-${number}`);
    mkdirSync(home);
    // Its TLS port is the one after that of UDP and TCP.
    const { sip, rtp } = options.ports ?? { sip: await freePorts(2), rtp: await freePorts(8) };
    const control = await freePorts(2);
    writeFileSync(join(home, 'tone.wav'), wavFile(tone(options.tone, 30)));
    writeFileSync(join(home, 'contacts'), '');
    const account = [
      `<sip:${number}@${exchange};transport=${protocol}>`,
      `auth_user=${number}`,
      `auth_pass=${password}`,
    ];
    if (options.proxy !== undefined) account.push(`outbound="${options.proxy}"`);
    const more = [`regint=${interval}`, `audio_codecs=${codecs[codec]}`, ...(answers ? ['answermode=auto'] : [])];
    if (options.encryption) more.push(`mediaenc=${options.encryption}`);
    writeFileSync(join(home, 'accounts'), `${[...account, ...more].join(';')}\n`);
    const host = address.includes(':') ? `[${address}]` : address;
    const config = [
      `sip_listen ${host}:${sip}`,
      `net_interface ${address}`,
      `audio_source aufile,${join(home, 'tone.wav')}`,
      'audio_player aubridge,nowhere',
      'audio_alert aubridge,nowhere',
      'ausrc_srate 8000',
      'ausrc_channels 1',
      `rtp_ports ${rtp}-${rtp + 7}`,
      `snd_path ${home}`,
      'module_path /usr/lib/baresip/modules',
      ...modules.map((name) => `module ${name}.so`),
      'module_tmp account.so',
      'module_app menu.so',
      'module_app ctrl_tcp.so',
      `ctrl_tcp_listen 127.0.0.1:${control}`,
    ];
    writeFileSync(join(home, 'config'), `${config.join('\n')}\n`);
    const program = new Program('baresip', ['-f', home], { cwd: home, place });
    try {
      await program.printed((output) => (output.includes('baresip is ready') ? true : null));
      const phone = new Baresip(number, program, home, place.connect(control));
      // Until it listens to us, what happens to it is told to nobody.
      phone.#command('reginfo');
      await program.eventually(`${number} answers`, () => phone.#answered);
      await program.printed((output) => (/200 OK .*\[\d+ binding/.test(output) ? true : null));
      return phone;
    } catch (error) {
      await program[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Everything it has printed. */
  get output(): string {
    return this.#program.output;
  }

  dial(number: string): void {
    this.#command('dial', number);
  }

  accept(): void {
    this.#command('accept');
  }

  /** Sends a key as telephone-event. */
  press(key: string): void {
    this.#command('sndcode', key);
  }

  hold(): void {
    this.#command('hold');
  }

  resume(): void {
    this.#command('resume');
  }

  /** Connects the other side of the call with another extension. */
  transfer(number: string): void {
    this.#command('transfer', number);
  }

  hangUp(): void {
    this.#command('hangup');
  }

  /** Waits for the event of this type, counted from one, and returns it. */
  async event(type: string, count = 1): Promise<BaresipEvent> {
    const found = () => this.#events.filter((event) => event.type === type)[count - 1];
    return this.#program.eventually(`${this.number} tells ${type}`, found);
  }

  /** The file with what it has heard, complete once the call is over. */
  heard(): string {
    const name = readdirSync(this.#recordings).find((file) => file.endsWith('-dec.wav'));
    if (name === undefined) throw new Error(`${this.number} has recorded nothing:\n${this.output}`);
    return join(this.#recordings, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.#program.end(() => this.#program.kill('SIGTERM'));
  }

  #command(command: string, params?: string): void {
    const text = JSON.stringify({ command, params, token: command });
    this.#socket.write(`${text.length}:${text},`);
  }

  #receive(text: string): void {
    this.#received += text;
    for (;;) {
      const colon = this.#received.indexOf(':');
      const length = Number(this.#received.slice(0, colon));
      if (colon < 0 || this.#received.length < colon + length + 2) return;
      const message = JSON.parse(this.#received.slice(colon + 1, colon + 1 + length));
      this.#received = this.#received.slice(colon + length + 2);
      if (message.event === true) this.#events.push(message);
      if (message.response === true) this.#answered = true;
    }
  }
}
