import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Address, type Clock, formatAddress, isoTime, type Log, type Timer } from '../base/index.ts';
import { maskSecrets } from './mask-secrets.ts';
import { type OpenRecordFile, openRecordFile, type RecordFile } from './record-file.ts';

/** The ends of the flow that a message came or went by. */
export interface TracedFlow {
  readonly transport: string;
  readonly local: Address;
  readonly remote: Address;
}

export interface SipTraceParts {
  readonly clock: Clock;
  readonly log: Log;
  /** For tests: a disk that fails. */
  readonly openFile?: OpenRecordFile;
}

interface Traced {
  readonly at: number;
  readonly direction: 'in' | 'out';
  readonly flow: TracedFlow;
  readonly bytes: Uint8Array;
  /** Messages before this one that were not kept. */
  readonly leftOut: number;
}

const batchMs = 100;
const messagesInMemory = 10_000;
const bytesInMemory = 16 * 1024 * 1024;
const reopenMs = 10_000;

/**
 * Writes every SIP message to `sip_traffic_YYYY-MM-DD.log` (days in UTC), secrets masked, in batches. A trace is no
 * record: what the disk can't take in time is left out, and a line says how many messages that were.
 */
export class SipTrace {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #openFile: OpenRecordFile;
  #queue: Traced[] = [];
  #queuedBytes = 0;
  #leftOut = 0;
  #file: { readonly day: string; readonly handle: RecordFile } | null = null;
  #timer: Timer | null = null;
  #writing: Promise<void> | null = null;
  #failing = false;
  #restUntil = 0;
  #closed = false;

  /** `folder` is made when the first message comes. */
  constructor(folder: string, { clock, log, openFile = openRecordFile }: SipTraceParts) {
    this.#folder = folder;
    this.#clock = clock;
    this.#log = log;
    this.#openFile = openFile;
  }

  /** Takes one message; `bytes` must not change afterwards. */
  record(direction: 'in' | 'out', flow: TracedFlow, bytes: Uint8Array): void {
    if (this.#closed) return;
    if (this.#queue.length >= messagesInMemory || this.#queuedBytes + bytes.length > bytesInMemory) {
      this.#leftOut++;
      return;
    }
    this.#queue.push({ at: this.#clock.wall(), direction, flow, bytes, leftOut: this.#leftOut });
    this.#leftOut = 0;
    this.#queuedBytes += bytes.length;
    if (!this.#timer && !this.#writing) this.#schedule();
  }

  /** Writes what waits; resolves when it is written or could not be. Never rejects. */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
    this.#timer?.cancel();
    this.#timer = null;
    await this.#write();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.flush();
    await this.#drop();
  }

  #schedule(): void {
    this.#timer = this.#clock.after(batchMs, () => {
      this.#timer = null;
      this.#write();
    });
  }

  #write(): Promise<void> {
    this.#writing = this.#writeQueue().finally(() => {
      this.#writing = null;
      if (this.#queue.length > 0 && !this.#closed && !this.#timer) this.#schedule();
    });
    return this.#writing;
  }

  async #writeQueue(): Promise<void> {
    const queue = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    if (queue.length === 0) return;
    if (this.#clock.now() < this.#restUntil) {
      this.#forget(queue);
      return;
    }
    let written = 0;
    try {
      for (const [day, messages] of byDay(queue)) {
        const file = await this.#open(day);
        const bytes = Buffer.from(messages.map(textOf).join(''), 'latin1');
        for (let done = 0; done < bytes.length; ) {
          const taken = await file.write(bytes.subarray(done));
          if (taken <= 0) throw new Error('the file takes no more bytes');
          done += taken;
        }
        written += messages.length;
      }
      if (this.#failing) this.#log.info('the SIP trace is written again');
      this.#failing = false;
    } catch (error) {
      this.#forget(queue.slice(written));
      this.#restUntil = this.#clock.now() + reopenMs;
      await this.#drop();
      if (!this.#failing) this.#log.warning('the SIP trace can not be written', { directory: this.#folder, error });
      this.#failing = true;
    }
  }

  #forget(messages: readonly Traced[]): void {
    for (const { leftOut } of messages) this.#leftOut += leftOut + 1;
  }

  async #open(day: string): Promise<RecordFile> {
    // Someone may clear the folder while we run; the next batch then begins a new file.
    if (this.#file && (this.#file.day !== day || !(await this.#file.handle.isCurrent()))) await this.#drop();
    if (this.#file) return this.#file.handle;
    await mkdir(this.#folder, { recursive: true, mode: 0o750 });
    const handle = await this.#openFile(join(this.#folder, `sip_traffic_${day}.log`));
    this.#file = { day, handle };
    return handle;
  }

  async #drop(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.handle.close().catch(() => {});
  }
}

/** Messages of the same day in a row, in order. */
function byDay(queue: readonly Traced[]): readonly (readonly [string, readonly Traced[]])[] {
  const days: [string, Traced[]][] = [];
  for (const traced of queue) {
    const day = isoTime(traced.at).slice(0, 10);
    const last = days.at(-1);
    if (last?.[0] === day) last[1].push(traced);
    else days.push([day, [traced]]);
  }
  return days;
}

/** A line with what the message does not say itself, then the message; bytes as characters, so that UTF-8 stays whole. */
function textOf({ at, direction, flow, bytes, leftOut }: Traced): string {
  const arrow = direction === 'in' ? '<-' : '->';
  const head = `${isoTime(at)} ${direction} ${flow.transport} ${formatAddress(flow.local)} ${arrow} ${formatAddress(flow.remote)} ${bytes.length} bytes`;
  const gap = leftOut > 0 ? `${isoTime(at)} ${leftOut} messages left out\n\n` : '';
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  return `${gap}${head}\n${maskSecrets(text).replaceAll('\r\n', '\n')}\n\n`;
}
