/**
 * A state machine as data: one row for each state and input, giving the next state and what to do on the way.
 * What has no row is ignored, as the RFC asks. Nothing else decides what a transaction does.
 */
export type Machine<State extends string, Input extends string, Action extends string> = {
  readonly [S in State]: { readonly [I in Input]?: readonly [next: State, ...actions: Action[]] };
};

/** The timers of RFC 3261 §17 and RFC 6026, and two of ours: Trying (when a 100 is due) and Patience (see non-invite-server). */
export type TimerName = 'A' | 'B' | 'D' | 'E' | 'F' | 'G' | 'H' | 'I' | 'J' | 'K' | 'L' | 'M' | 'Trying' | 'Patience';
