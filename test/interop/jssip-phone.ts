import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import jssip from 'jssip';
import { WebSocket as WsClient } from 'ws';
import { ca } from '../support/tls-files.ts';
import { mediaOf } from '../world/phone-media.ts';
import { loopback } from './exchange-process.ts';

type UserAgent = InstanceType<typeof jssip.UA>;
type Session = ReturnType<UserAgent['call']>;

/** How the audio of a browser is offered, and what stands in for it here. */
type Profile = 'UDP/TLS/RTP/SAVPF' | 'RTP/AVP';

/** What a page finds in a browser, as far as JsSIP asks for it: WebSockets, and peer connections without WebRTC. */
class Browser {
  profile: Profile = 'RTP/AVP';
  readonly connections: PeerConnection[] = [];

  install(): void {
    const browser = this;
    const BuiltIn = globalThis.WebSocket;
    // For ws the WebSocket that Node has of its own; it can't be told which certificate to believe.
    function WebSocket(url: string, protocols: string) {
      return url.startsWith('wss:') ? new WsClient(url, protocols, { ca }) : new BuiltIn(url, protocols);
    }
    class RTCPeerConnection extends PeerConnection {
      constructor() {
        super(browser.profile);
        browser.connections.push(this);
      }
    }
    class RTCSessionDescription {
      constructor(parts: Description) {
        Object.assign(this, parts);
      }
    }
    Object.assign(globalThis, { window: globalThis, WebSocket, RTCPeerConnection, RTCSessionDescription });
  }
}

interface Description {
  readonly type: 'offer' | 'answer';
  readonly sdp: string;
}

/** Stands in for a peer connection: plain RTP of G.711, silence every 20 ms to where the other side says. */
class PeerConnection extends EventTarget {
  readonly iceGatheringState = 'complete';
  readonly iceConnectionState = 'connected';
  readonly signalingState = 'stable';
  localDescription: Description | null = null;
  received = 0;
  readonly #profile: Profile;
  readonly #socket: Socket = createSocket('udp4');
  #talking: NodeJS.Timeout | null = null;
  #version = 0;

  constructor(profile: Profile) {
    super();
    this.#profile = profile;
    this.#socket.on('message', () => {
      this.received++;
    });
    this.#socket.bind(0, loopback);
  }

  createOffer = () => this.#describe('offer');
  createAnswer = () => this.#describe('answer');

  async setLocalDescription(description: Description): Promise<void> {
    this.localDescription = description;
  }

  async setRemoteDescription({ sdp }: Description): Promise<void> {
    const { address, port } = mediaOf(sdp);
    const packet = Buffer.alloc(172, 0xff);
    packet[0] = 0x80;
    packet[1] = 0;
    packet.writeUInt32BE(0x1234, 8);
    let sequence = 0;
    if (this.#talking) clearInterval(this.#talking);
    this.#talking = setInterval(() => {
      packet.writeUInt16BE(++sequence, 2);
      packet.writeUInt32BE(sequence * 160, 4);
      this.#socket.send(packet, port, address);
    }, 20);
  }

  addTrack(): void {}

  getSenders(): readonly never[] {
    return [];
  }

  close(): void {
    if (!this.#talking && this.localDescription === null) return;
    if (this.#talking) clearInterval(this.#talking);
    this.#talking = null;
    this.localDescription = null;
    this.#socket.close();
  }

  async #describe(type: Description['type']): Promise<Description> {
    await this.#bound();
    const port = this.#socket.address().port;
    const keys = [
      'a=ice-ufrag:abcd',
      'a=ice-pwd:0123456789abcdef01234567',
      `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`,
      'a=setup:actpass',
      'a=rtcp-mux',
    ];
    const lines = [
      'v=0',
      `o=- 4711 ${++this.#version} IN IP4 ${loopback}`,
      's=-',
      't=0 0',
      `m=audio ${port} ${this.#profile} 0`,
      `c=IN IP4 ${loopback}`,
      ...(this.#profile === 'RTP/AVP' ? [] : keys),
      'a=rtpmap:0 PCMU/8000',
      'a=sendrecv',
      '',
    ];
    return { type, sdp: lines.join('\r\n') };
  }

  async #bound(): Promise<void> {
    try {
      this.#socket.address();
    } catch {
      await once(this.#socket, 'listening');
    }
  }
}

const browser = new Browser();

/** A phone of JsSIP, as it is in web pages, with a browser around it that is not there. */
export class JsSipPhone implements Disposable {
  readonly #agent: UserAgent;

  private constructor(agent: UserAgent) {
    this.#agent = agent;
  }

  /** Starts one and waits until it is registered. */
  static async registered(account: {
    readonly number: string;
    readonly password: string;
    readonly url: string;
  }): Promise<JsSipPhone> {
    browser.install();
    const agent = new jssip.UA({
      sockets: [new jssip.WebSocketInterface(account.url)],
      uri: `sip:${account.number}@${loopback}`,
      password: account.password,
      // Its first Session-Expires is 90 s, the least that RFC 4028 allows.
      session_timers: true,
    });
    const outcome = new Promise<void>((resolve, reject) => {
      agent.once('registered', () => resolve());
      agent.once('registrationFailed', ({ cause }: { cause?: string }) =>
        reject(new Error(`not registered: ${cause}`)),
      );
    });
    agent.start();
    await outcome;
    return new JsSipPhone(agent);
  }

  /** Offers this from now on, in all phones. */
  static speaks(profile: Profile): void {
    browser.profile = profile;
  }

  /** How many packets of audio each of the calls so far has received, in the order they began. */
  static get audio(): readonly number[] {
    return browser.connections.map(({ received }) => received);
  }

  call(number: string): Session {
    return this.#agent.call(number, { mediaConstraints: { audio: false, video: false } });
  }

  /** Picks up the next call, after ringing. */
  async pickUp(): Promise<Session> {
    const session = await this.ring();
    session.answer({ mediaConstraints: { audio: false, video: false } });
    return session;
  }

  /** The next call that comes in; JsSIP rings by itself. */
  ring(): Promise<Session> {
    return new Promise((resolve) => {
      this.#agent.once('newRTCSession', ({ session }: { session: Session }) => resolve(session));
    });
  }

  [Symbol.dispose](): void {
    this.#agent.stop();
  }
}

/** Waits for an event of a session. Rejects when the session fails instead. */
export function happens(
  session: Session,
  event: 'progress' | 'confirmed' | 'ended' | 'failed',
): Promise<{ cause: string }> {
  return new Promise((resolve, reject) => {
    session.once(event, (data: { cause: string }) => resolve(data));
    if (event !== 'failed') session.once('failed', ({ cause }: { cause: string }) => reject(new Error(cause)));
  });
}
