import type { Clock, Log } from '../base/index.ts';
import type { CallService } from '../pbx/call/index.ts';
import type { UserAgent } from '../sip/ua/index.ts';

/** How long phones may take to confirm the BYE of a call or the end of a subscription, in ms. */
const farewell = 2000;

/** How long the last recordings and figures of media may take, in ms: a little more than a disk that does not answer is given. */
const records = 6000;

export interface DrainOptions {
  readonly calls: Pick<CallService, 'drain' | 'shutDown' | 'active' | 'recorded'>;
  readonly notifier: { shutDown(): void };
  readonly userAgent: Pick<UserAgent, 'dialogs'>;
  readonly clock: Clock;
  readonly log: Log;
  /** How long live calls may go on. */
  readonly timeoutMs: number;
  /** Aborted when phones are not to be waited for. */
  readonly hurry: AbortSignal;
}

/**
 * Takes no new calls, lets the live ones end by themselves for a while, then ends them and all subscriptions, and waits
 * until the phones have heard it and every call has its record.
 */
export async function drain(options: DrainOptions): Promise<void> {
  await endCalls(options);
  const { calls, clock } = options;
  // In a hurry too: each call has exactly one record, and only a disk that does not answer takes longer than a moment.
  await within(clock, records, new AbortController().signal, () => calls.recorded());
}

async function endCalls({ calls, notifier, userAgent, clock, log, timeoutMs, hurry }: DrainOptions): Promise<void> {
  log.info('draining', { active_calls: calls.active, timeout_s: timeoutMs / 1000 });
  const idle = calls.drain();
  await within(clock, timeoutMs, hurry, () => idle);
  if (calls.active === 0 && userAgent.dialogs === 0) return;
  if (calls.active > 0) log.info('ending the remaining calls', { active_calls: calls.active });
  calls.shutDown();
  notifier.shutDown();
  await within(clock, farewell, hurry, (given) => quiet(userAgent, clock, given));
}

/** Waits for `what`, but no longer than `ms`, and not when there is no time left; leaves no timer behind. */
async function within(
  clock: Clock,
  ms: number,
  hurry: AbortSignal,
  what: (given: AbortSignal) => Promise<void>,
): Promise<void> {
  const over = new AbortController();
  const given = AbortSignal.any([hurry, over.signal]);
  await Promise.race([what(given), elapsed(clock, ms, given)]);
  over.abort();
}

/** Resolves after `ms`, or at once when the waiting is given up. */
function elapsed(clock: Clock, ms: number, given: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (given.aborted) return resolve();
    const timer = clock.after(ms, resolve);
    given.addEventListener('abort', () => {
      timer.cancel();
      resolve();
    });
  });
}

/** Resolves when no dialog is left, or when the waiting is given up. */
function quiet(userAgent: Pick<UserAgent, 'dialogs'>, clock: Clock, given: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (userAgent.dialogs === 0 || given.aborted) resolve();
      else clock.after(20, look);
    };
    look();
  });
}
