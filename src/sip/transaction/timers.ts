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
