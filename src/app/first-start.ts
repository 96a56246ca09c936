import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Address, formatAddress, type Random, randomToken } from '../base/index.ts';

/** An extension made at the first start. */
export interface FirstExtension {
  readonly number: string;
  readonly password: string;
  readonly display_name: string | null;
}

/** Where a phone reaches us. */
export interface PhoneServer {
  readonly transport: string;
  readonly address: Address;
}

/** The extensions of an exchange that nobody has configured: 1001 and 1002, with passwords of 80 random bits that are easy to type. */
export function firstExtensions(random: Random): FirstExtension[] {
  return ['1001', '1002'].map((number) => ({ number, password: randomToken(random, 16), display_name: null }));
}

/** Plain text for the person at the screen: what to type into each phone so that it registers. */
export function firstStartText(extensions: readonly FirstExtension[], servers: readonly PhoneServer[]): string {
  const lines = ['First start: these extensions were made. Type into a phone (or a softphone):', ''];
  for (const { number, password } of extensions) lines.push(`  user ${number}   password ${password}`);
  lines.push('', ...serverLines(servers));
  const [caller, callee] = extensions;
  if (caller && callee) lines.push('', `Then dial ${callee.number} from ${caller.number}.`);
  return `${lines.join('\n')}\n`;
}

/** The servers that a phone may be given, a line each, grouped by address. */
export function serverLines(servers: readonly PhoneServer[]): string[] {
  const transports = new Map<string, string[]>();
  for (const { transport, address } of servers) {
    const server = formatAddress(address);
    transports.set(server, [...(transports.get(server) ?? []), transport]);
  }
  const lines = [...transports].map(([server, names]) => `  server ${server}   transport ${names.join(' or ')}`);
  // What only a phone on this very machine can use comes last, where there is anything else.
  const [outside, inside] = [lines.filter((line) => !isLoopback(line)), lines.filter(isLoopback)];
  return [...outside, ...inside.map((line) => `${line}   (phones on this machine)`)];
}

/**
 * Writes `text` to `first-start.txt` in `directory` (made where it is missing), readable by the owner only, and returns its name.
 * Throws the error of the file system where that is impossible.
 */
export function writeFirstStart(directory: string, text: string): string {
  const file = join(directory, 'first-start.txt');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // Made anew, never written into: a file that is there may be open to others, or a link to elsewhere.
  rmSync(file, { force: true });
  writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
  return file;
}

function isLoopback(line: string): boolean {
  return line.startsWith('  server 127.') || line.startsWith('  server [::1]');
}
