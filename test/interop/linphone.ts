import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tlsFile } from '../support/tls-files.ts';
import type { Folder, Protocol } from './exchange-process.ts';
import { freePorts } from './free-ports.ts';
import { eventually, Program } from './program.ts';

import { tone, wavFile } from './tone.ts';

export interface LinphoneOptions {
  readonly folder: Folder;
  readonly number: string;
  readonly password: string;
  /** `host:port` of the exchange. */
  readonly exchange: string;
  readonly protocol: Protocol;
  /** Hz of the tone that it says into the call. */
  readonly tone: number;
  /** The URI of the proxy that everything goes to. */
  readonly proxy?: string;
  /** Knows reliable provisional responses; it does by default not say so. */
  readonly reliable?: boolean;
}

/**
 * One Linphone 5.1 console (`linphonec`) with a home of its own and files instead of a sound card. All that is not said
 * here is as Linphone has it by default, codecs among it: it prefers Opus.
 */
export class Linphone implements AsyncDisposable {
  readonly number: string;
  readonly #program: Program;
  readonly #home: string;
  readonly #server: string;

  private constructor({ number, exchange }: LinphoneOptions, program: Program, home: string) {
    this.number = number;
    this.#program = program;
    this.#home = home;
    this.#server = exchange;
  }

  /** Starts it and waits until it is registered. */
  static async start(options: LinphoneOptions): Promise<Linphone> {
    const { folder, number, password, exchange, protocol } = options;
    const home = folder.file(`linphone-${number}`);
    // It makes neither folder itself, and starts nothing without its database.
    for (const folder of ['.local/share/linphone', '.config/linphone']) {
      mkdirSync(join(home, folder), { recursive: true });
    }
    const [sip, rtp] = [await freePorts(2), await freePorts(2)];
    writeFileSync(join(home, 'tone.wav'), wavFile(tone(options.tone, 60)));
    const ports = { udp: 0, tcp: 0, tls: 0, [protocol]: sip };
    const config = {
      sip: {
        ...{ sip_port: ports.udp, sip_tcp_port: ports.tcp, sip_tls_port: ports.tls },
        // Its TLS library doesn't compare addresses with those of a certificate.
        ...(options.reliable === true ? { supported: 'replaces, outbound, gruu, 100rel' } : {}),
        ...{ default_proxy: 0, root_ca: tlsFile('server.pem'), verify_server_cn: 0 },
      },
      rtp: { audio_rtp_port: rtp },
      auth_info_0: { username: number, passwd: password, domain: exchange.replace(/:\d+$/, '') },
      proxy_0: {
        ...{
          reg_proxy: `<${options.proxy ?? `sip:${exchange};transport=${protocol}`}>`,
          reg_identity: `sip:${number}@${exchange}`,
        },
        ...{ reg_expires: 600, reg_sendregister: 1 },
        ...(options.proxy === undefined ? {} : { reg_route: `<${options.proxy};lr>` }),
      },
    };
    const sections = Object.entries(config).map(([name, values]) => {
      const lines = Object.entries(values).map(([key, value]) => `${key}=${value}`);
      return `[${name}]\n${lines.join('\n')}\n`;
    });
    const file = join(home, 'linphonerc');
    writeFileSync(file, sections.join('\n'));
    const program = new Program('linphonec', ['-c', file, '-d', '6', '-l', join(home, 'log')], {
      cwd: home,
      env: { ...process.env, HOME: home, XDG_DATA_HOME: undefined, XDG_CONFIG_HOME: undefined },
      lifetime: 120_000,
      typed: true,
    });
    const phone = new Linphone(options, program, home);
    try {
      program.type('soundcard use files');
      program.type(`play ${join(home, 'tone.wav')}`);
      program.type(`record ${phone.heard()}`);
      // It says nothing by itself.
      await eventually(`${number} is registered`, () => {
        program.type('status register');
        return phone.output.includes('registered, identity=');
      });
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
    this.#program.type(`call sip:${number}@${this.#server}`);
  }

  answer(): void {
    this.#program.type('answer');
  }

  hold(): void {
    this.#program.type('pause');
  }

  resume(call = 1): void {
    this.#program.type(`resume ${call}`);
  }

  /** Sends a key as telephone-event. */
  press(key: string): void {
    this.#program.type(key);
  }

  /** Gives up, hangs up or refuses. */
  hangUp(): void {
    this.#program.type('terminate');
  }

  /** Connects the other side of the call with another extension. */
  transfer(number: string): void {
    this.#program.type(`transfer sip:${number}@${this.#server}`);
  }

  /** Connects the other sides of two of its calls, counted from one. */
  transferTo(call: number, other: number): void {
    this.#program.type(`transfer ${call} --to-call ${other}`);
  }

  /** Writes to another extension. */
  write(number: string, text: string): void {
    this.#program.type(`chat sip:${number}@${this.#server} ${text}`);
  }

  /** Waits until it has printed what matches, `count` times. */
  async says(what: RegExp, count = 1): Promise<void> {
    const every = new RegExp(what.source, [...new Set(`${what.flags}g`)].join(''));
    const found = (): boolean => [...this.output.matchAll(every)].length >= count;
    await this.#program.eventually(`${this.number} says ${what} ${count} times`, found);
  }

  /** The file with what it has heard, complete once the call is over. */
  heard(): string {
    return join(this.#home, 'heard.wav');
  }

  /** Lets it end, whereby it takes its registration back. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.end(() => this.#program.type('quit'));
  }
}
