/** The three base times of RFC 3261 §17.1.1.1, in ms; every transaction timer follows from them. */
export interface TimerValues {
  /** An estimate of the round trip. */
  readonly t1: number;
  /** The longest pause between repetitions of a non-INVITE request or an INVITE's final response. */
  readonly t2: number;
  /** The longest time a message stays in the network. */
  readonly t4: number;
}

export const defaultTimers: TimerValues = { t1: 500, t2: 4000, t4: 5000 };

/** Within this time, in ms, an INVITE gets a 100 where its user is silent (RFC 3261 §17.2.1). */
export const tryingAfter = 200;

/**
 * When a client over UDP begins to repeat a request only every T2, in ms from its first sending: T2−T1 where T2 is T1
 * times a power of two. Before that no 100 may answer it (RFC 4320 §4.1).
 */
export function slowRepetitionAfter({ t1, t2 }: TimerValues): number {
  let elapsed = 0;
  for (let interval = t1; interval < t2; interval *= 2) elapsed += interval;
  return elapsed;
}
