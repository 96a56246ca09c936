import { type Address, formatAddress } from '../../base/index.ts';
import type { TransportName } from './transport.ts';

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'not permitted',
  EADDRNOTAVAIL: 'no such address on this machine',
};

/** An error that says which listener could not be opened, and why. */
export function listenError(name: TransportName, address: Address, cause: unknown): Error {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new Error(`cannot listen on ${name} ${formatAddress(address)}: ${reasons[code ?? ''] ?? message}`, { cause });
}
