import { expect } from 'vitest';
import type { ExchangeProcess } from './exchange-process.ts';

/** Expects that no call and no port is left, that the log has no error, and that the exchange ends as it should. */
export async function expectNothingLeft(exchange: ExchangeProcess): Promise<void> {
  const status = await exchange.status();
  expect(status.calls).toEqual({ IDLE: 0, RINGING: 0, ACTIVE: 0, TERMINATING: 0 });
  expect(status.port_pool.in_use).toBe(0);
  expect(exchange.log().filter(({ level }) => level === 'ERROR')).toEqual([]);
  expect(await exchange.stop()).toEqual({ code: 0, signal: null });
}
