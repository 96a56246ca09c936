import type { Log } from '../base/index.ts';
import type { CallContext } from '../pbx/call/index.ts';
import type { Config } from './config.ts';

/**
 * Whether the media of an extension's phone is to be encrypted: as the extension has it, else as all. Where it has to be
 * and the keys travel in the open, the log says so once.
 */
export function srtpPolicyOf(
  { media, extensions }: Pick<Config, 'media' | 'extensions'>,
  log: Log,
): CallContext['srtpPolicy'] {
  const own = new Map(extensions.flatMap(({ number, srtp }) => (srtp === null ? [] : [[number, srtp] as const])));
  let warned = false;
  return (extension, { secure, transport }) => {
    const policy = own.get(extension) ?? media.srtp;
    if (policy === 'required' && !secure && !warned) {
      warned = true;
      log.warning('media has to be encrypted, but its keys can be read on the way: phones should use TLS', {
        extension,
        transport,
      });
    }
    return policy;
  };
}
