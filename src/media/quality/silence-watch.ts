import { BlockList, isIP } from 'node:net';
import type { Address, Clock, Timer } from '../../base/index.ts';
import type { LegCounters, LegIndex, RelayLegSpec } from '../relay/relay.ts';

/** How long after the answer a phone may be silent before it is told, in ms: found within 5 s. */
const patience = 4000;

/** Why a phone is not heard, as far as the evidence goes. */
export type SilenceReason = 'srtp_mismatch' | 'strangers' | 'private_address' | 'no_packets';

/** One phone of an answered call, on hold on neither side, has not been heard. */
export interface OneWayFinding {
  /** The leg whose phone is silent: the other phone hears nothing. */
  readonly leg: LegIndex;
  readonly reason: SilenceReason;
  /** Who has sent to the leg's port and was not let in; null: nobody has. */
  readonly stranger: Address | null;
  /** Where the phone's SDP says that it is; null: it has not said. */
  readonly named: Address | null;
  /** Where its signalling comes from. */
  readonly signalling: string | null;
}

/** What of a leg matters here. */
export interface WatchedLeg extends Pick<RelayLegSpec, 'port' | 'remote' | 'signalling' | 'send' | 'generation'> {
  /** Whether the phone is to send: false while its direction is recvonly or inactive. */
  readonly expected: boolean;
}

/** What of the counters matters here. */
export type WatchedCounters = Pick<
  LegCounters,
  'packetsReceived' | 'strangers' | 'lastStranger' | 'authenticationFailures'
>;

/**
 * Finds one-way audio: a while after the answer it looks whether each phone has sent something. A change of what the
 * legs have agreed on, such as a hold, its end or a transfer, starts the wait anew; while one side is on hold there is none.
 */
export class SilenceWatch {
  readonly #clock: Clock;
  readonly #counters: () => readonly [WatchedCounters, WatchedCounters];
  readonly #onFinding: (finding: OneWayFinding) => void;
  #legs: readonly [WatchedLeg, WatchedLeg | null] | null = null;
  #timer: Timer | null = null;

  constructor(
    clock: Clock,
    counters: () => readonly [WatchedCounters, WatchedCounters],
    onFinding: (finding: OneWayFinding) => void,
  ) {
    this.#clock = clock;
    this.#counters = counters;
    this.#onFinding = onFinding;
  }

  /** What the legs of the answered call are from now on. */
  update(legs: readonly [WatchedLeg, WatchedLeg | null]): void {
    const before = this.#legs;
    this.#legs = legs;
    if (before && sameLeg(before[0], legs[0]) && sameLeg(before[1], legs[1])) return;
    this.stop();
    const [a, b] = legs;
    if (b === null || !talks(a) || !talks(b)) return;
    const atFirst = this.#counters();
    this.#timer = this.#clock.after(patience, () => {
      const now = this.#counters();
      for (const leg of [0, 1] as const) {
        if (now[leg].packetsReceived > atFirst[leg].packetsReceived) continue;
        this.#onFinding({ leg, ...explained(leg === 0 ? a : b, atFirst[leg], now[leg]) });
      }
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}

/** Why nothing has come of the phone of `leg` between two counts, the surest reason first. */
function explained(leg: WatchedLeg, before: WatchedCounters, now: WatchedCounters): Omit<OneWayFinding, 'leg'> {
  const stranger = now.strangers > before.strangers ? now.lastStranger : null;
  const { signalling } = leg;
  const named = leg.remote && { address: leg.remote.address, port: leg.remote.port };
  const evidence = { stranger, named, signalling };
  if (now.authenticationFailures > before.authenticationFailures) {
    return { reason: 'srtp_mismatch', ...evidence };
  }
  if (stranger !== null) return { reason: 'strangers', ...evidence };
  const hidden = named !== null && isPrivate(named.address) && signalling !== null && !isPrivate(signalling);
  return { reason: hidden ? 'private_address' : 'no_packets', ...evidence };
}

/** Whether media is to flow both ways with the leg's phone. */
function talks(leg: WatchedLeg): boolean {
  return leg.send && leg.expected && leg.remote !== null && leg.remote.port !== 0;
}

function sameLeg(a: WatchedLeg | null, b: WatchedLeg | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    a.port.port === b.port.port &&
    a.port.address === b.port.address &&
    a.remote?.address === b.remote?.address &&
    a.remote?.port === b.remote?.port &&
    a.send === b.send &&
    a.expected === b.expected &&
    a.generation === b.generation
  );
}

/** Addresses that mean something in one network only: RFC 1918, RFC 6598 (carrier NAT), RFC 4193, and link-local and loopback ones. */
const privateNetworks = new BlockList();
for (const [network, prefix] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['127.0.0.0', 8],
] as const) {
  privateNetworks.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  ['fc00::', 7],
  ['fe80::', 10],
  ['::1', 128],
] as const) {
  privateNetworks.addSubnet(network, prefix, 'ipv6');
}

function isPrivate(address: string): boolean {
  const bare = address.split('%', 1)[0] ?? '';
  return isIP(bare) !== 0 && privateNetworks.check(bare, isIP(bare) === 4 ? 'ipv4' : 'ipv6');
}
