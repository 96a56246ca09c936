import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The path of a certificate or key for tests. */
export const tlsFile = (name: string): string => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));

/** The certificate of the exchange, which its peers trust. */
export const ca = readFileSync(tlsFile('server.pem'));
