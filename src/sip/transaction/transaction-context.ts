import type { Clock, Random } from '../../base/index.ts';
import type { TransportLayer } from '../transport/index.ts';
import type { ClientTransaction } from './client-transaction.ts';
import type { ServerTransaction } from './server-transaction.ts';
import type { TimerValues } from './timers.ts';

/** How often the network made us do things again. */
export interface TransactionCounters {
  retransmissions: number;
  timeouts: number;
  /** Responses that belong to no transaction: late or forged, dropped. */
  strayResponses: number;
}

/** What a transaction needs of its surroundings. */
export interface TransactionContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: TimerValues;
  readonly transport: Pick<TransportLayer, 'send' | 'resend'>;
  readonly counters: TransactionCounters;
  /** Whether so many transactions are remembered that refusals can't be. */
  isCrowded(): boolean;
  /** Told of each request that was challenged, or answered without knowing who sends it. */
  answeredStranger(transaction: ServerTransaction): void;
  forget(transaction: ClientTransaction | ServerTransaction): void;
}
