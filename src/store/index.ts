export { MemoryDisk, type MemoryStoreOptions, memoryStore } from './memory-store.ts';
export { type OpenStoreOptions, openStore } from './open-store.ts';
export type { SecretStore, Store } from './store.ts';
export type { QueueState } from './write-queue.ts';
