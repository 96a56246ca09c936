import type { Clock, Log } from '../../base/index.ts';
import { DgramSockets } from './dgram-sockets.ts';
import { loadNativeAddon } from './native-addon.ts';
import { NativeRelay } from './native-relay.ts';
import { PlainRelay } from './plain-relay.ts';
import type { Relay } from './relay.ts';

export interface OpenRelayOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Further addresses that lead to our ports, such as the public one of a NAT. */
  readonly ownAddresses?: readonly string[];
  /** The differentiated services code point of what is sent; only the native relay marks packets. */
  readonly dscp?: number | null;
  /** `plain`: the native relay is not wanted. */
  readonly relay?: 'auto' | 'plain';
}

export const noNativeRelay = 'no native relay: the plain relay takes its place, at a higher cost for each packet';

/** A relay with its name for the status page. */
export interface OpenedRelay {
  readonly relay: Relay;
  readonly name: 'native-relay' | 'plain-relay';
}

/** The native relay where it can be had; otherwise one line in the log says why not, and the plain relay takes its place. */
export function openRelay(options: OpenRelayOptions, load = loadNativeAddon): OpenedRelay {
  const { clock, log, ownAddresses = [] } = options;
  const plain = (): OpenedRelay => ({
    relay: new PlainRelay({ sockets: new DgramSockets(), clock, ownAddresses }),
    name: 'plain-relay',
  });
  if (options.relay === 'plain') return plain();
  const loaded = load();
  let reason: string;
  if (loaded.addon === null) reason = loaded.reason;
  else {
    try {
      return { relay: new NativeRelay({ ...options, addon: loaded.addon }), name: 'native-relay' };
    } catch (error) {
      reason = (error as Error).message;
    }
  }
  log.warning(noNativeRelay, { reason });
  return plain();
}
