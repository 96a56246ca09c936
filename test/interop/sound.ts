import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Sound {
  readonly seconds: number;
  /** Root mean square of the samples, 1 = full scale. */
  readonly loudness: number;
  /** Hz, as sox estimates it of the whole sound. */
  readonly frequency: number;
}

/** Measures the first channel of a recording with `sox stat`, silence at its ends left out. */
export async function measure(file: string): Promise<Sound> {
  const silence = ['silence', '1', '0.01', '1%', 'reverse'];
  const { stderr } = await run('sox', [file, '-n', 'remix', '1', ...silence, ...silence, 'stat']);
  const value = (name: RegExp): number => Number(name.exec(stderr)?.[1] ?? Number.NaN);
  return {
    seconds: value(/Length \(seconds\):\s+(\S+)/),
    loudness: value(/RMS\s+amplitude:\s+(\S+)/),
    frequency: value(/Rough\s+frequency:\s+(\S+)/),
  };
}
