import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs of others that some tests talk to, with the Debian packages of each. */
const packages = {
  sipp: 'sip-tester',
  baresip: 'baresip',
  openssl: 'openssl',
  sox: 'sox',
  linphonec: 'linphone-cli',
  kamailio: 'kamailio kamailio-tls-modules',
  ip: 'iproute2',
  nft: 'nftables',
  tc: 'iproute2',
  svmap: 'sipvicious',
  svwar: 'sipvicious',
  svcrack: 'sipvicious',
  'g++': 'g++ libssl-dev',
} as const;

export type Tool = keyof typeof packages;

export const tools = Object.keys(packages) as readonly Tool[];

interface Machine {
  /** Folders of programs, as in `PATH`. */
  readonly path: string;
  /** A continuous-integration machine, which has to have every tool. */
  readonly ci: boolean;
}

/** `PATH`, with the folder where Debian has its daemons. */
export const programPath = [process.env['PATH'] ?? '', '/usr/sbin'].join(delimiter);

const thisMachine: Machine = { path: programPath, ci: process.env['CI'] === 'true' };

/** Those of `wanted` that the machine doesn't have. */
export function missingTools(wanted: readonly Tool[], { path } = thisMachine): readonly Tool[] {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  return wanted.filter((tool) => !folders.some((folder) => isProgram(join(folder, tool))));
}

/** One line that names missing tools and the command that installs them. */
export function howToInstall(missing: readonly Tool[]): string {
  const debian = [...new Set(missing.map((tool) => packages[tool]))].join(' ');
  return `${missing.join(', ')} not found, the tests that need it are skipped: apt-get install ${debian}`;
}

/**
 * Whether the machine has all of these, for `describe.runIf(needs('sipp'))`. Throws where one is missing although the
 * environment says `CI=true`: there, nothing is skipped unseen.
 */
export function needs(...wanted: readonly Tool[]): boolean {
  return allThere(wanted, thisMachine);
}

/** As `needs`, on a machine that is told. */
export function allThere(wanted: readonly Tool[], machine: Machine): boolean {
  const missing = missingTools(wanted, machine);
  if (missing.length > 0 && machine.ci) throw new Error(`CI=true allows no skipped tests; ${howToInstall(missing)}`);
  return missing.length === 0;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
