import { mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { pino } from 'pino';
import { type Clock, isoTime, type Log, type LogFields } from '../base/index.ts';
import type { Config } from './config.ts';
import { fileOutput, LogSink } from './log-sink.ts';

/** A log and the way to have all of it written. */
export interface OpenLog {
  readonly log: Log;
  /** Writes what was logged so far, and from now on each line at once: what is for people comes before. */
  start(): void;
  /** Writes what is still in memory. */
  flush(): void;
}

const pinoLevels = { DEBUG: 'debug', INFO: 'info', WARNING: 'warn', ERROR: 'error' } as const;
const levelNames: Readonly<Record<string, string>> = { debug: 'DEBUG', info: 'INFO', warn: 'WARNING', error: 'ERROR' };

/**
 * The log that the configuration asks for: JSON lines by pino, or text for people. Throws an Error when the file
 * can't be opened.
 */
export function openLog(options: Config['logging'], clock: Clock): OpenLog {
  const destination = new LogSink(
    fileOutput(options.output === 'file' ? openFile(options.file_path) : standardOutput),
    (error) => complain(`the log can't be written: ${error.message}`),
    (lines) => logger.warn({ logger: 'app', lines }, 'log lines could not be written and are lost'),
  );
  const format = options.format === 'text' ? textOf : (line: string) => line;
  let held: string[] | null = [];
  const sink = {
    write: (line: string) => {
      if (held) held.push(line);
      else destination.write(format(line));
    },
  };
  const start = (): void => {
    const lines = held ?? [];
    held = null;
    for (const line of lines) sink.write(line);
  };
  const logger = pino(
    {
      level: pinoLevels[options.level],
      base: null,
      messageKey: 'message',
      errorKey: 'error',
      timestamp: () => `,"timestamp":"${isoTime(clock.wall())}"`,
      formatters: { level: (label) => ({ level: levelNames[label] ?? label }) },
    },
    sink,
  );
  return {
    log: logOf(logger),
    start,
    flush: start,
  };
}

const standardOutput = 1;
const standardError = 2;

/** Readable by owner and group, as CDR files are: it names who called whom. */
function openFile(file: string): number {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o750 });
    return openSync(file, 'a', 0o640);
  } catch (error) {
    throw new Error(`logging.file_path: can't write ${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** The last place to say something, where it can be said. */
function complain(text: string): void {
  try {
    writeSync(standardError, `sip-pbx: ${text}\n`);
  } catch {
    // Nobody reads that either.
  }
}

function logOf(logger: pino.Logger): Log {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warning: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    child: (fields: LogFields) => logOf(logger.child(fields)),
  };
}

/** `2025-01-05 10:00:00.000Z INFO    call       call started caller=1001 callee=1002` */
function textOf(line: string): string {
  const { timestamp, level, logger, message, error, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const time = String(timestamp).replace('T', ' ');
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${plain(value)}`);
  const stack = typeof error === 'object' && error !== null && 'stack' in error ? `\n${error.stack}` : plain(error);
  const trouble = error === undefined ? '' : ` error=${stack}`;
  return `${time} ${String(level).padEnd(7)} ${String(logger ?? '').padEnd(10)} ${message}${rest.join('')}${trouble}\n`;
}

function plain(value: unknown): string {
  return typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value);
}
