import type { Address, Clock } from '../../base/index.ts';
import {
  payloadType,
  rtcpKind,
  rtpKind,
  type SrtpParameters,
  type SrtpReceiver,
  type SrtpRefusal,
  type SrtpSender,
  StreamStatistics,
  sequenceNumber,
  setPayloadType,
  ssrc,
} from '../../rtp/index.ts';
import { Latch } from './latch.ts';
import type { PortSrtp } from './port-srtp.ts';
import { type LegCounters, type PortPair, type RelayLegSpec, sameRemote } from './relay.ts';
import type { DatagramPort } from './sockets.ts';

const defaultClockRate = 8000;

/** A pair with its open sockets, and the leg that their packets are for at present. */
export interface OpenPorts {
  readonly pair: PortPair;
  readonly rtp: DatagramPort;
  readonly rtcp: DatagramPort;
  readonly srtp: PortSrtp;
  user: PlainLeg | null;
}

/** What is done with what arrives. Times are monotonic, in ms. */
export interface LegUser {
  /** A packet has come from the leg's own source. */
  heard(now: number): void;
  /** RTP that is taken or copied. */
  onRtp(packet: Uint8Array, now: number): void;
  onRtcp(packet: Uint8Array, now: number): void;
}

/** What a leg needs of its surroundings. */
export interface LegHost {
  readonly clock: Clock;
  /** Our own media ports, where the address is one of theirs. */
  portsAt(address: Address): OpenPorts | null;
}

/**
 * One side of a relay: takes what arrives on its ports, if it comes from the leg's source, and has the other side send
 * it. Nothing is allocated per packet; the received bytes themselves are sent on,
 * where they are not to be encrypted.
 */
export class PlainLeg {
  readonly #host: LegHost;
  readonly #user: LegUser;
  readonly #latch = new Latch();
  readonly #received = new StreamStatistics();
  /** Null while nobody is there. */
  #spec: RelayLegSpec | null;
  #ports: OpenPorts | null = null;
  #peer: PlainLeg | null = null;
  /** Null where the leg is plain. */
  #receiver: SrtpReceiver | null = null;
  #sender: SrtpSender | null = null;

  #packetsSent = 0;
  #bytesSent = 0;
  #strangers = 0;
  #malformed = 0;
  #unmapped = 0;
  #held = 0;
  #undeliverable = 0;
  #rtcpReceived = 0;
  #rtcpSent = 0;
  #authenticationFailures = 0;
  #replayed = 0;
  #strangerAddress = '';
  #strangerPort = 0;

  constructor(spec: RelayLegSpec | null, host: LegHost, user: LegUser) {
    this.#spec = spec;
    this.#host = host;
    this.#user = user;
    if (spec) this.#latch.arm(spec.remote, spec.signalling, host.clock.now());
  }

  /** The packets of each go to the other from now on. */
  static connect(a: PlainLeg, b: PlainLeg): void {
    a.#peer = b;
    b.#peer = a;
  }

  update(spec: RelayLegSpec | null): void {
    const before = this.#spec;
    this.#spec = spec;
    if (spec && before && sameRemote(before.remote, spec.remote) && before.generation === spec.generation) {
      this.#latch.expectSignalling(spec.signalling);
    } else {
      this.#latch.arm(spec?.remote ?? null, spec?.signalling ?? null, this.#host.clock.now());
    }
  }

  /** Receives and sends there from now on, with these keys; null: nowhere. */
  moveTo(ports: OpenPorts | null, srtp: SrtpParameters | null = null): void {
    this.#receiver = ports && srtp && ports.srtp.receiver(srtp);
    this.#sender = ports && srtp && ports.srtp.sender(srtp);
    // The other leg may already be on what was ours: legs may change places.
    if (this.#ports?.user === this) this.#ports.user = null;
    this.#ports = ports;
    if (ports) ports.user = this;
  }

  /** A datagram on the RTP port. */
  onRtp(datagram: Uint8Array, from: Address): void {
    const spec = this.#spec;
    if (spec === null) return;
    if (spec.rtcpMux && rtcpKind(datagram) === 'rtcp') {
      this.onRtcp(datagram, from);
      return;
    }
    const kind = rtpKind(datagram);
    if (kind !== 'rtp') {
      if (kind === 'malformed') this.#malformed++;
      return;
    }
    const packet = this.#receiver === null ? datagram : this.#opened(this.#receiver.unprotectRtp(datagram), from);
    if (packet === null) return;
    const now = this.#host.clock.now();
    const type = payloadType(packet);
    const typeToSend = spec.payloadTypes.get(type);
    const taken = spec.taken?.has(type) ?? false;
    const negotiated = taken || typeToSend !== undefined;
    if (!this.#latch.acceptRtp(from, ssrc(packet), sequenceNumber(packet), negotiated, now)) {
      this.#drop(from);
      return;
    }
    this.#user.heard(now);
    this.#received.push(packet, now, spec.clockRates?.get(type) ?? defaultClockRate);
    if (taken || (spec.copied && negotiated)) this.#user.onRtp(packet, now);
    if (taken) return;
    if (typeToSend === undefined) {
      this.#unmapped++;
      return;
    }
    if (typeToSend !== type) setPayloadType(packet, typeToSend);
    this.#peer?.sendRtp(packet);
  }

  /** A datagram on the RTCP port, or RTCP on the RTP port. */
  onRtcp(datagram: Uint8Array, from: Address): void {
    const spec = this.#spec;
    if (spec === null) return;
    const kind = rtcpKind(datagram);
    if (kind !== 'rtcp') {
      if (kind === 'malformed') this.#malformed++;
      return;
    }
    const packet = this.#receiver === null ? datagram : this.#opened(this.#receiver.unprotectRtcp(datagram), from);
    if (packet === null) return;
    const now = this.#host.clock.now();
    if (!this.#latch.acceptRtcp(from, now)) {
      this.#drop(from);
      return;
    }
    this.#user.heard(now);
    this.#rtcpReceived++;
    this.#user.onRtcp(packet, now);
    if (!spec.rtcpTaken) this.#peer?.sendRtcp(packet);
  }

  /** Whether these are the ports that it takes its phone to be at. */
  sendsTo(ports: OpenPorts | null): boolean {
    const { rtpTarget, rtcpTarget } = this.#latch;
    return [rtpTarget, rtcpTarget].some((to) => to !== null && this.#host.portsAt(to) === ports);
  }

  counters(): LegCounters {
    return {
      packetsReceived: this.#received.packets,
      packetsSent: this.#packetsSent,
      packetsLost: this.#received.lost,
      lossEvents: this.#received.lossEvents,
      duplicates: this.#received.duplicates,
      jitterMs: this.#received.jitterMs,
      bytesReceived: this.#received.bytes,
      bytesSent: this.#bytesSent,
      strangers: this.#strangers,
      malformed: this.#malformed,
      unmapped: this.#unmapped,
      held: this.#held,
      undeliverable: this.#undeliverable,
      lastStranger: this.#strangers > 0 ? { address: this.#strangerAddress, port: this.#strangerPort } : null,
      latched: this.#latch.learned,
      rtcpReceived: this.#rtcpReceived,
      rtcpSent: this.#rtcpSent,
      authenticationFailures: this.#authenticationFailures,
      replayed: this.#replayed,
      tapDropped: 0, // what this relay hands over is taken at once
    };
  }

  /** Sends RTP to the phone; the packet is not to be changed afterwards. */
  sendRtp(packet: Uint8Array): void {
    if (this.#spec !== null && !this.#spec.send) {
      this.#held++;
      return;
    }
    const to = this.#latch.rtpTarget;
    if (this.#ports === null || to === null || this.#comesBack(to, this.#latch.learned !== null)) {
      this.#undeliverable++;
      return;
    }
    const datagram = this.#sender === null ? packet : this.#sender.protectRtp(packet);
    if (datagram === null) {
      this.#undeliverable++;
      return;
    }
    this.#ports.rtp.send(datagram, to);
    this.#packetsSent++;
    this.#bytesSent += packet.length;
  }

  /** Sends RTCP to the phone; the packet is not to be changed afterwards. */
  sendRtcp(packet: Uint8Array): void {
    const shared = this.#spec?.rtcpMux ?? false;
    const to = shared ? this.#latch.rtpTarget : this.#latch.rtcpTarget;
    const learned = shared ? this.#latch.learned !== null : this.#latch.hasLearnedRtcp;
    if (this.#ports === null || to === null || this.#comesBack(to, learned)) return;
    const datagram = this.#sender === null ? packet : this.#sender.protectRtcp(packet);
    if (datagram === null) return;
    const port = shared ? this.#ports.rtp : this.#ports.rtcp;
    port.send(datagram, to);
    this.#rtcpSent++;
  }

  /**
   * Whether what is sent there would come to one of our own ports, and perhaps go round for ever. The address is an
   * SDP's, or has been learned from packets: then a phone may be there all the same, whom a NAT shows as our public
   * address and a port of ours. It is one unless the leg of that port sends to us.
   */
  #comesBack(to: Address, learned: boolean): boolean {
    const own = this.#host.portsAt(to);
    return own !== null && (!learned || (own.user?.sendsTo(this.#ports) ?? false));
  }

  /**
   * The packet that was in the datagram, before anything is learned from it; null where it was none of the phone's.
   * Who is not expected is a stranger, whatever its packets are.
   */
  #opened(outcome: Uint8Array | SrtpRefusal, from: Address): Uint8Array | null {
    if (typeof outcome !== 'string') return outcome;
    if (!this.#latch.knows(from)) this.#drop(from);
    else if (outcome === 'replayed') this.#replayed++;
    else if (outcome === 'unauthentic') this.#authenticationFailures++;
    else this.#malformed++;
    return null;
  }

  #drop(from: Address): void {
    this.#strangers++;
    this.#strangerAddress = from.address;
    this.#strangerPort = from.port;
  }
}
