import type { Machine } from './machine.ts';

export type NonInviteServerState = 'trying' | 'proceeding' | 'completed' | 'terminated';

export type NonInviteServerInput =
  | 'request'
  | 'respond 1xx'
  | 'respond 2xx-6xx'
  | 'respond once'
  | 'abandon'
  | 'timer Trying'
  | 'timer Patience'
  | 'timer J'
  | 'transport error';

export type NonInviteServerAction =
  | 'send response'
  | 'resend response'
  | 'send 100'
  | 'stop Trying'
  | 'stop Patience'
  | 'start J'
  | 'report timeout'
  | 'report transport error';

/**
 * RFC 3261 §17.2.2 (figure 8) as RFC 4320 corrects it: a 100 only once the client repeats itself every T2, and no
 * 408 ever, since it would arrive when the client has given up. Timer Patience (64·T1) forgets a request that the
 * user never answered. Timers Trying and Patience run from the start. `respond once` is a challenge, after which nothing
 * is remembered (RFC 3261 §8.2.7, §26.3.2.4).
 */
export const nonInviteServer: Machine<NonInviteServerState, NonInviteServerInput, NonInviteServerAction> = {
  trying: {
    'timer Trying': ['proceeding', 'send 100'],
    'timer Patience': ['terminated', 'report timeout'],
    'respond 1xx': ['proceeding', 'stop Trying', 'send response'],
    'respond 2xx-6xx': ['completed', 'stop Trying', 'stop Patience', 'send response', 'start J'],
    'respond once': ['terminated', 'send response'],
    abandon: ['terminated'],
  },
  proceeding: {
    request: ['proceeding', 'resend response'],
    'timer Patience': ['terminated', 'report timeout'],
    'respond 1xx': ['proceeding', 'send response'],
    'respond 2xx-6xx': ['completed', 'stop Patience', 'send response', 'start J'],
    'respond once': ['terminated', 'send response'],
    abandon: ['terminated'],
    'transport error': ['proceeding', 'report transport error'],
  },
  completed: {
    request: ['completed', 'resend response'],
    'timer J': ['terminated'],
  },
  terminated: {},
};
