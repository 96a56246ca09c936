export { Authentication } from './authentication.ts';
export type { Ban, BanStore } from './ban-store.ts';
export { Guard, type GuardFigures } from './guard.ts';
