import type { Address } from '../../src/base/index.ts';
import { silentLog, VirtualClock } from '../../src/base/index.ts';
import { EventBus, type PbxEvent } from '../../src/pbx/events/index.ts';
import { type Binding, type BindingStore, Registrar, type RegistrarConfig } from '../../src/pbx/registrar/index.ts';
import { Contact, parseMessage, type SipRequest, type SipResponse } from '../../src/sip/message/index.ts';
import type { Flow, TransportName } from '../../src/sip/transport/index.ts';

/** A flow that sends nowhere, counts its holds and can be cut. */
export class FakeFlow implements Flow {
  readonly id: string;
  readonly transport: TransportName;
  readonly reliable: boolean;
  readonly secure = false;
  readonly local: Address = { address: '192.0.2.1', port: 5060 };
  readonly advertised: Address = this.local;
  readonly remote: Address;
  closed = false;
  holds = 0;
  readonly listeners = new Set<() => void>();

  constructor(transport: TransportName, address: string, port = 5060) {
    this.transport = transport;
    this.reliable = transport !== 'udp';
    this.remote = { address, port };
    this.id = `${transport}:${address}:${port}`;
  }

  send(): void {}

  hold(): Disposable {
    this.holds++;
    return { [Symbol.dispose]: () => void this.holds-- };
  }

  onClose(listener: () => void): Disposable {
    this.listeners.add(listener);
    return { [Symbol.dispose]: () => void this.listeners.delete(listener) };
  }

  /** The connection ends. */
  cut(): void {
    this.closed = true;
    for (const listener of [...this.listeners]) listener();
  }
}

/** A store that notes the order of what it is told. */
class FakeBindingStore implements BindingStore {
  readonly bindings = new Map<string, Binding>();

  async load(): Promise<readonly Binding[]> {
    return [...this.bindings.values()];
  }

  save(binding: Binding): void {
    this.bindings.set(`${binding.aor} ${binding.key}`, binding);
  }

  remove(aor: string, key: string): void {
    this.bindings.delete(`${aor} ${key}`);
  }
}

/** What a test says of a REGISTER; the rest is as phones usually send it. */
interface RegisterParts {
  readonly user?: string;
  readonly to?: string;
  readonly callId?: string;
  readonly cseq?: number;
  /** Contact values, one a line. */
  readonly contacts?: readonly string[];
  /** Whole header lines. */
  readonly headers?: readonly string[];
}

export function registerRequest({
  user = '1001',
  to,
  callId = 'call-1',
  cseq = 1,
  contacts = [],
  headers = [],
}: RegisterParts): SipRequest {
  const lines = [
    'REGISTER sip:sip-pbx SIP/2.0',
    'Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKregister',
    `From: <sip:${user}@sip-pbx>;tag=phone`,
    `To: ${to ?? `<sip:${user}@sip-pbx>`}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} REGISTER`,
    ...contacts.map((contact) => `Contact: ${contact}`),
    ...headers,
    'Content-Length: 0',
  ];
  const message = parseMessage(new TextEncoder().encode(`${lines.join('\r\n')}\r\n\r\n`));
  if (message.kind !== 'request') throw new Error('a REGISTER is a request');
  return message;
}

/** The Contacts of a 200, without angle brackets: `sip:1001@198.51.100.7;expires=60`. */
export function contactsOf(response: SipResponse): string[] {
  return response.headers.all(Contact).map((contact) => Contact.format(contact).replace(/[<>]/g, ''));
}

export const registrarConfig: RegistrarConfig = {
  minExpires: 60,
  defaultExpires: 3600,
  maxExpires: 7200,
  natMaxExpires: 120,
  maxContacts: 3,
};

/** A registrar in virtual time with everything around it, and what it was heard to say. */
export function startRegistrar(
  options: { config?: Partial<RegistrarConfig>; store?: FakeBindingStore; clock?: VirtualClock } = {},
) {
  const clock = options.clock ?? new VirtualClock();
  const store = options.store ?? new FakeBindingStore();
  const events = new EventBus(silentLog);
  const heard: string[] = [];
  events.subscribe((event: PbxEvent) => {
    if (event.type === 'registration.added') heard.push(`+ ${event.registration.contact}`);
    if (event.type === 'registration.removed') heard.push(`- ${event.registration.contact} ${event.cause}`);
  });
  const made: string[] = [];
  const registrar = new Registrar({
    clock,
    log: silentLog,
    events,
    store,
    config: { ...registrarConfig, ...options.config },
    realm: 'sip-pbx',
    isOwnHost: (host) => host === 'sip-pbx' || host === '192.0.2.1',
    flows: {
      flowTo: (transport, remote, local) => {
        made.push(`${transport} ${remote.address}:${remote.port} from ${local?.address}`);
        return new FakeFlow(transport, remote.address, remote.port);
      },
    },
  });
  const register = (parts: RegisterParts, flow: Flow = new FakeFlow('udp', '198.51.100.7')) =>
    registrar.register(registerRequest(parts), flow, '1001', 'tag');
  return { clock, store, events, heard, made, registrar, register };
}
