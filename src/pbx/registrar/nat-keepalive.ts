import { type Clock, every, type Log, type Random, type Timer } from '../../base/index.ts';
import type { Flow } from '../../sip/transport/index.ts';
import type { Binding } from './location-store.ts';
import type { Registrar } from './registrar.ts';

/**
 * Sends an OPTIONS to `binding` over `flow` and says later, once, whether the phone is alive: any final response says
 * so, a timeout or a transport error says no.
 */
export type SendOptions = (binding: Binding, flow: Flow, onOutcome: (alive: boolean) => void) => void;

export interface NatKeepaliveOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly registrar: Pick<Registrar, 'natBindings' | 'onNatBinding' | 'removeUnreachable'>;
  /** s between two OPTIONS to one phone. */
  readonly interval: number;
  readonly sendOptions: SendOptions;
  /** Outcomes in a row without a sign of life after which a binding is given up; 3 when not said. */
  readonly patience?: number;
}

interface Pulse {
  dueAt: number;
  silent: number;
}

/** How often it is looked who is due (ms): small against any interval, so that the load is even. */
const lookEvery = 1000;

/**
 * Keeps the NAT mappings of UDP phones open and notices phones that are gone. Each phone has its own beat, begun at
 * a random point of the interval. A refreshed binding is another value and so begins anew, without its past silence.
 */
export class NatKeepalive implements Disposable {
  readonly #options: NatKeepaliveOptions;
  readonly #pulses = new WeakMap<Binding, Pulse>();
  readonly #subscription: Disposable;
  /** Runs while there is somebody to keep alive. */
  #timer: Timer | null = null;

  /** Begins at once; ends when disposed. */
  constructor(options: NatKeepaliveOptions) {
    this.#options = options;
    this.#subscription = options.registrar.onNatBinding(() => this.#run());
    if (options.registrar.natBindings().length > 0) this.#run();
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    this.#stop();
  }

  #run(): void {
    this.#timer ??= every(this.#options.clock, lookEvery, () => this.#look());
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #look(): void {
    const { clock, registrar, interval, sendOptions } = this.#options;
    const now = clock.now();
    const bindings = registrar.natBindings();
    if (bindings.length === 0) this.#stop();
    for (const { binding, flow } of bindings) {
      const pulse = this.#pulseOf(binding, now);
      if (now < pulse.dueAt) continue;
      pulse.dueAt = now + interval * 1000;
      // The next OPTIONS may leave before this one has timed out (32 s): outcomes count in the order they come.
      sendOptions(binding, flow, (alive) => this.#heard(binding, pulse, alive));
    }
  }

  #pulseOf(binding: Binding, now: number): Pulse {
    let pulse = this.#pulses.get(binding);
    if (!pulse) {
      pulse = { dueAt: now + this.#options.random.below(this.#options.interval * 1000), silent: 0 };
      this.#pulses.set(binding, pulse);
    }
    return pulse;
  }

  #heard(binding: Binding, pulse: Pulse, alive: boolean): void {
    pulse.silent = alive ? 0 : pulse.silent + 1;
    if (pulse.silent < (this.#options.patience ?? 3)) return;
    this.#options.log.info('a phone behind NAT answers no more', { user: binding.user, contact: binding.contact });
    this.#options.registrar.removeUnreachable(binding);
  }
}
