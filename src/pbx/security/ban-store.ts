import type { BanFacts } from '../events/index.ts';

/** A ban as it is kept. */
export type Ban = BanFacts;

/**
 * Where bans are kept beyond the life of the process. All are read at start and known from memory; what the store is
 * told afterwards is written in the order told, later, and never waited for.
 */
export interface BanStore {
  load(): Promise<readonly Ban[]>;
  save(ban: Ban): void;
  remove(source: string): void;
}
