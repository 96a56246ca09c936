/** A timer that has been started and may still be stopped. */
export interface Timer {
  /** Stops the timer. Harmless once it has fired or been cancelled. */
  cancel(): void;
}

/**
 * The only way to know the time and to wait. It has two hands: `now` never jumps and is for timers,
 * `wall` is the calendar and is for records and for expiry that must survive a restart.
 */
export interface Clock {
  /** Monotonic time in ms; only differences mean anything. */
  now(): number;
  /** Calendar time in ms since 1970-01-01 UTC; may jump when the administrator sets the clock. */
  wall(): number;
  /** Calls `action` once, `ms` from now. */
  after(ms: number, action: () => void): Timer;
}

/** The machine's own clock. Timers keep the process alive. */
export class SystemClock implements Clock {
  now(): number {
    return performance.now();
  }

  wall(): number {
    return Date.now();
  }

  after(ms: number, action: () => void): Timer {
    // Node fires at once what lies beyond 2^31 ms; nobody waits for more than 24 days here.
    const handle = setTimeout(action, Math.min(ms, 2_147_483_647));
    return { cancel: () => clearTimeout(handle) };
  }
}

/** Calls `action` every `ms` until cancelled; the next turn starts when the last has returned. */
export function every(clock: Clock, ms: number, action: () => void): Timer {
  let timer = clock.after(ms, turn);
  let cancelled = false;
  function turn(): void {
    action();
    if (!cancelled) timer = clock.after(ms, turn);
  }
  return {
    cancel: () => {
      cancelled = true;
      timer.cancel();
    },
  };
}

/** The instant in the form that records and logs use: `2025-01-05T10:00:00.000Z`. `wall` in ms since 1970. */
export function isoTime(wall: number): string {
  return new Date(wall).toISOString();
}

/** The instant in the form of the Date header field (RFC 3261 §20.17): `Sun, 05 Jan 2025 10:00:00 GMT`. `wall` in ms since 1970. */
export function dateHeader(wall: number): string {
  return new Date(wall).toUTCString();
}

/** The instant as the `Date` that some libraries ask for. `wall` in ms since 1970. */
export function dateOf(wall: number): Date {
  return new Date(wall);
}
