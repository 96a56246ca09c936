import { connect } from 'node:net';
import type { Duplex } from 'node:stream';

/** Where a program runs: this machine as it is, or a network namespace. */
export interface Place {
  /** The command line that runs this one there. */
  commandLine(command: string, args: readonly string[]): readonly [string, readonly string[]];
  /** A connection to a port of its loopback address. */
  connect(port: number): Duplex;
}

export const thisMachine: Place = {
  commandLine: (command, args) => [command, args],
  connect: (port) => connect(port, '127.0.0.1'),
};
