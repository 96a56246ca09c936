import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { KeyPath } from './config-keys.ts';
import type { Config } from './config-schema.ts';

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
  if (!named.some((name) => ['tls', 'wss'].includes(String(name).toLowerCase()))) return [];
  return ['certificate', 'private_key', 'ca'].flatMap((name) => {
    const path = ['sip', 'tls', name];
    const file = valueAt(path);
    const reason = typeof file === 'string' && file !== '' ? faultOf(resolve(cwd, file), 'file', 'read') : null;
    return reason === null ? [] : [{ path, reason }];
  });
}

/**
 * One line for each folder that `config` names and that is of no use: calls go on without what it is for. Names are
 * relative to `cwd`.
 */
export function folderWarnings({ media, recording, extensions }: Config, cwd: string): string[] {
  const warnings: string[] = [];
  const prompts = media.prompts && faultOf(resolve(cwd, media.prompts), 'folder', 'read');
  if (prompts) warnings.push(`media.prompts: ${prompts}; tones of ours are heard instead`);
  if (recording.enabled || extensions.some((extension) => extension.recording === true)) {
    const fault = faultOf(firstExisting(resolve(cwd, recording.directory)), 'folder', 'write to');
    if (fault) warnings.push(`recording.directory: ${fault}; calls are not recorded`);
  }
  return warnings;
}

/** The folder itself, or that of those above it in which it would have to be made. */
function firstExisting(folder: string): string {
  const above = dirname(folder);
  return folder === above || existsSync(folder) ? folder : firstExisting(above);
}

/** Why `path` is of no use as what it should be; null where nothing is known against it. */
function faultOf(path: string, kind: 'file' | 'folder', use: 'read' | 'write to'): string | null {
  try {
    const status = statSync(path);
    if (!(kind === 'file' ? status.isFile() : status.isDirectory())) return `${path} is no ${kind}`;
    accessSync(path, (use === 'read' ? constants.R_OK : constants.W_OK) | (kind === 'folder' ? constants.X_OK : 0));
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return `there is no ${kind} ${path}`;
    return code === 'EACCES' ? `this user may not ${use} ${path}` : `${path} cannot be used (${code})`;
  }
}
