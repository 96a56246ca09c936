import type { Clock, Log, Timer } from '../base/index.ts';
import type { PbxEvent } from '../pbx/events/index.ts';
import { type Cdr, cdrOf } from '../pbx/records/index.ts';
import { CdrFileName } from './cdr-file-name.ts';
import { CdrFileWriter } from './cdr-file-writer.ts';
import { CdrFolder } from './cdr-folder.ts';
import { type CdrLine, CdrSpill, type SpilledLines } from './cdr-spill.ts';
import { type OpenRecordFile, openRecordFile } from './record-file.ts';

/** The keys of `cdr` in the configuration that the writer obeys. */
export interface CdrOptions {
  readonly output_dir: string;
  /** %Y %m %d %H %M. */
  readonly filename_pattern: string;
  readonly rotation: 'daily' | 'hourly';
  /** 0 = older files are never deleted. */
  readonly retention_days: number;
  /** `utc` or an IANA name. */
  readonly timezone: string;
}

export interface CdrWriterParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Where records go that would take too much memory while the folder can't be written; null: nowhere. */
  readonly spillFile: string | null;
  /** For tests: a disk that fails. */
  readonly openFile?: OpenRecordFile;
}

/** Counters since the start, and how many records wait. */
export interface CdrStatistics {
  readonly written: number;
  /** Made and not yet known to be in their file: in memory, or spilled by this process. */
  readonly waiting: number;
  /** Could be kept nowhere; each of them stands in the log. */
  readonly lost: number;
  readonly failing: boolean;
}

const batchMs = 50;
const batchRecords = 1000;
const syncMs = 1000;
const firstRetryMs = 1000;
const lastRetryMs = 60_000;
/** Records in memory beyond which they are spilled, and beyond which, where that fails too, they are lost. */
const spillAbove = 10_000;
const loseAbove = 100_000;
const rememberedIds = 100_000;
const tailBytes = 1_048_576;

/**
 * Writes a line of JSON for every call that ended, exactly one a call id, in the order of their endings. The death of
 * the process loses at most the last 50 ms, loss of power at most the last second. While the disk fails, records wait.
 */
export class CdrWriter {
  readonly #options: CdrOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #names: CdrFileName;
  readonly #folder: CdrFolder;
  readonly #writer: CdrFileWriter;
  readonly #spill: CdrSpill | null;
  readonly #ids = new Set<string>();
  /** Ids that a file already holds although they may still wait here or in the spill. */
  readonly #onDisk = new Set<string>();
  #queue: CdrLine[] = [];
  /** Read from the spill, which holds them until all of it is written. */
  #fromSpill: CdrLine[] = [];
  #spillRead = 0;
  #spilled = 0;
  #mayHaveSpill: boolean;
  #prepared = false;
  #working: Promise<void> | null = null;
  #timer: Timer | null = null;
  #syncTimer: Timer | null = null;
  #syncDue = false;
  #retryMs = firstRetryMs;
  #failingSince: number | null = null;
  #spillFailed = false;
  #written = 0;
  #lost = 0;
  #closed = false;

  /** Throws RangeError for a pattern or a time zone that can't be. Touches no file before `open`. */
  constructor(options: CdrOptions, { clock, log, spillFile, openFile = openRecordFile }: CdrWriterParts) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    this.#names = new CdrFileName(options.filename_pattern, options.rotation, options.timezone);
    this.#folder = new CdrFolder(options.output_dir, this.#names, options.retention_days, log);
    this.#writer = new CdrFileWriter(options.output_dir, openFile);
    this.#spill = spillFile === null ? null : new CdrSpill(spillFile);
    this.#mayHaveSpill = this.#spill !== null;
  }

  /** Makes the folder, repairs torn files, deletes old ones, writes what an earlier process spilled. Never rejects. */
  open(): Promise<void> {
    return this.flush();
  }

  /** Hears events; `call.ended` makes a record. */
  handle(event: PbxEvent): void {
    if (event.type === 'call.ended') this.write(cdrOf(event.call), event.call.endedAt);
  }

  /** Takes a record of a call that ended at `endedAt` (wall ms). A second one with the same call id is refused and logged. */
  write(record: Cdr, endedAt: number): void {
    const callId = record.call_id;
    if (this.#ids.has(callId)) {
      this.#log.error('a second record of a call was refused', { call_id: callId });
      return;
    }
    this.#remember(callId);
    const line: CdrLine = { callId, file: this.#names.at(endedAt), line: `${JSON.stringify(record)}\n` };
    if (this.#closed || this.#queue.length >= loseAbove) {
      this.#lose([line]);
      return;
    }
    this.#queue.push(line);
    const full = this.#queue.length >= spillAbove && !this.#spillFailed;
    if (this.#failingSince !== null) {
      if (full && !this.#working) this.#run(false);
    } else if (!this.#working) {
      this.#schedule(batchMs);
    }
  }

  statistics(): CdrStatistics {
    return {
      written: this.#written,
      waiting: this.#queue.length + this.#writer.unfinished.length + this.#spilled,
      lost: this.#lost,
      failing: this.#failingSince !== null,
    };
  }

  /** Writes at once what waits; resolves when it is written or could not be. Never rejects. */
  async flush(): Promise<void> {
    while (this.#working) await this.#working;
    await this.#run(true);
  }

  /** Writes what waits, or spills it; then lets go of the files. Never rejects. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#syncDue = true;
    await this.flush();
    this.#timer?.cancel();
    this.#syncTimer?.cancel();
    // Where an earlier overflow lies in the spill these follow it, though a batch cut short is older: kept before ordered.
    const left = [...this.#writer.unfinished, ...this.#queue];
    if (left.length > 0 && !(await this.#trySpill(left))) this.#lose(left);
    this.#queue = [];
    await this.#writer.close();
  }

  /** Starts a round of work; `write` false: only the overflow and the sync. */
  #run(write: boolean): Promise<void> {
    if (write) {
      this.#timer?.cancel();
      this.#timer = null;
    }
    this.#working = this.#work(write).finally(() => {
      this.#working = null;
      if (this.#closed) return;
      if (this.#failingSince !== null) this.#schedule(this.#retryMs);
      else if (this.#queue.length > 0) this.#schedule(batchMs);
      if (this.#writer.dirty) this.#syncTimer ??= this.#clock.after(syncMs, () => this.#syncNow());
    });
    return this.#working;
  }

  #schedule(ms: number): void {
    this.#timer ??= this.#clock.after(ms, () => {
      this.#timer = null;
      if (!this.#working) this.#run(true); // else the round under way ends by scheduling
    });
  }

  #syncNow(): void {
    this.#syncTimer = null;
    this.#syncDue = true;
    if (!this.#working) this.#run(false);
  }

  async #work(write: boolean): Promise<void> {
    if (write) {
      try {
        await this.#writeAll();
        this.#succeeded();
      } catch (error) {
        this.#failed(error);
      }
    }
    if (this.#syncDue) {
      this.#syncDue = false;
      await this.#writer
        .sync()
        .catch((error) => this.#log.warning('CDR file could not be brought to the disk', { error }));
    }
    if (this.#failingSince !== null && this.#queue.length >= spillAbove && !this.#spillFailed) {
      const overflow = this.#queue;
      this.#queue = [];
      if (await this.#trySpill(overflow)) this.#spilled += overflow.length;
      else this.#queue = [...overflow, ...this.#queue];
    }
  }

  async #writeAll(): Promise<void> {
    if (!this.#prepared) await this.#prepare();
    this.#written += await this.#writer.finish();
    if (this.#mayHaveSpill) await this.#drainSpill();
    while (this.#queue.length > 0) await this.#append(takeBatch(this.#queue));
    this.#onDisk.clear();
    await this.#folder.deleteOld(this.#clock.wall());
  }

  async #append(lines: readonly CdrLine[]): Promise<void> {
    this.#written += await this.#writer.append(lines.filter(({ callId }) => !this.#onDisk.has(callId)));
  }

  /** Oldest first: what was spilled comes before what waits in memory. */
  async #drainSpill(): Promise<void> {
    for (;;) {
      while (this.#fromSpill.length > 0) {
        const batch = takeBatch(this.#fromSpill);
        this.#spilled = Math.max(0, this.#spilled - batch.length);
        try {
          await this.#append(batch);
        } finally {
          // A failed append is finished later: either way nobody else writes these.
          for (const { callId } of batch) this.#onDisk.add(callId);
        }
      }
      const { lines, unreadable, end } = await this.#readSpill(this.#spillRead);
      if (unreadable > 0) this.#log.error('spilled CDR lines make no sense', { lines: unreadable });
      if (end === this.#spillRead) break;
      this.#spillRead = end;
      this.#fromSpill = uniqueLines(lines);
    }
    if (!this.#mayHaveSpill) return;
    if (this.#spillRead > 0) await this.#writer.sync(); // before the only other copy goes
    await this.#clearSpill();
  }

  async #prepare(): Promise<void> {
    const newest = await this.#folder.prepare();
    if (newest !== null) await this.#folder.noteIds(newest, tailBytes, this.#onDisk);
    for (const name of await this.#filesOfSpill()) {
      await this.#folder.noteIds(name, Number.POSITIVE_INFINITY, this.#onDisk);
    }
    for (const callId of this.#onDisk) this.#remember(callId);
    this.#prepared = true;
  }

  /** The files that records of the spill belong to. */
  async #filesOfSpill(): Promise<ReadonlySet<string>> {
    const files = new Set<string>();
    for (let from = 0; this.#mayHaveSpill; ) {
      const { lines, end } = await this.#readSpill(from);
      if (end === from) break;
      for (const { file } of lines) files.add(file);
      from = end;
    }
    return files;
  }

  /** A spill that can't be read stays where it is, for the next start, and does not hold up the records. */
  async #readSpill(from: number): Promise<SpilledLines> {
    const nothing = { lines: [], unreadable: 0, end: from };
    try {
      return (await this.#spill?.read(from)) ?? nothing;
    } catch (error) {
      this.#mayHaveSpill = false;
      this.#log.error('spilled CDR records could not be read', { error });
      return nothing;
    }
  }

  async #clearSpill(): Promise<void> {
    try {
      await this.#spill?.clear();
      this.#spillRead = 0;
    } catch (error) {
      this.#log.warning('spilled CDR records are written but could not be deleted', { error });
    }
    this.#spilled = 0;
    this.#mayHaveSpill = false;
  }

  #succeeded(): void {
    this.#retryMs = firstRetryMs;
    this.#spillFailed = false;
    if (this.#failingSince === null) return;
    const seconds = Math.round((this.#clock.now() - this.#failingSince) / 1000);
    this.#failingSince = null;
    this.#log.info('CDR files can be written again; what waited is written', { outage_seconds: seconds });
  }

  #failed(error: unknown): void {
    this.#spillFailed = false; // a new chance with every try
    if (this.#failingSince !== null) {
      this.#retryMs = Math.min(this.#retryMs * 2, lastRetryMs);
      return;
    }
    this.#failingSince = this.#clock.now();
    this.#log.warning('CDR files can not be written; records are kept and tried again', {
      directory: this.#options.output_dir,
      error,
    });
  }

  /** Spills `lines`; false where there is no spill or it failed. */
  async #trySpill(lines: readonly CdrLine[]): Promise<boolean> {
    if (!this.#spill) {
      this.#spillFailed = true;
      return false;
    }
    try {
      this.#mayHaveSpill = true;
      await this.#spill.append(lines);
      return true;
    } catch (error) {
      this.#spillFailed = true;
      this.#log.error('CDR records could not be spilled', { records: lines.length, error });
      return false;
    }
  }

  /** The last resort: the log keeps what nothing else can. */
  #lose(lines: readonly CdrLine[]): void {
    this.#lost += lines.length;
    for (const { callId, line } of lines) {
      this.#log.error('a CDR could not be kept', { call_id: callId, record: line.trimEnd() });
    }
  }

  #remember(callId: string): void {
    this.#ids.add(callId);
    if (this.#ids.size <= rememberedIds) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      break;
    }
  }
}

/** Takes the next records of one file out of `queue`. */
function takeBatch(queue: CdrLine[]): CdrLine[] {
  const file = queue[0]?.file;
  let count = 1;
  while (count < Math.min(queue.length, batchRecords) && queue[count]?.file === file) count++;
  return queue.splice(0, count);
}

function uniqueLines(lines: readonly CdrLine[]): CdrLine[] {
  return [...new Map(lines.map((line) => [line.callId, line])).values()];
}
