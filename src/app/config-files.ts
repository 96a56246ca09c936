import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { KeyPath } from './config-keys.ts';

/** A file that the configuration names and that can't be read. */
interface UnreadableFile {
  readonly path: KeyPath;
  readonly reason: string;
}

/**
 * Those of the files that the start needs which can't be read, so that `--check-config` says it and not the start alone.
 * `valueAt` reads the configuration as it was written: other keys of it may be faulty. Names are relative to `cwd`.
 */
export function unreadableFiles(valueAt: (path: KeyPath) => unknown, cwd: string): UnreadableFile[] {
  const transport = valueAt(['sip', 'transport']);
  const named = Array.isArray(transport) ? transport : [transport];
  if (!named.some((name) => String(name).toLowerCase() === 'tls')) return [];
  return ['certificate', 'private_key', 'ca'].flatMap((name) => {
    const path = ['sip', 'tls', name];
    const file = valueAt(path);
    const reason = typeof file === 'string' && file !== '' ? faultOf(resolve(cwd, file)) : null;
    return reason === null ? [] : [{ path, reason }];
  });
}

function faultOf(file: string): string | null {
  try {
    accessSync(file, constants.R_OK);
    return statSync(file).isFile() ? null : `${file} is no file`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return `there is no file ${file}`;
    return code === 'EACCES' ? `this user may not read ${file}` : `${file} cannot be read (${code})`;
  }
}
