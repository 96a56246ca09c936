import type { Machine } from './machine.ts';

export type InviteClientState = 'calling' | 'proceeding' | 'accepted' | 'completed' | 'terminated';

export type InviteClientInput =
  | '1xx'
  | '2xx'
  | '3xx-6xx'
  | 'timer A'
  | 'timer B'
  | 'timer D'
  | 'timer M'
  | 'transport error'
  | 'abandon';

export type InviteClientAction =
  | 'send request'
  | 'send ACK'
  | 'double A'
  | 'stop A'
  | 'stop B'
  | 'start D'
  | 'start M'
  | 'pass response up'
  | 'report timeout'
  | 'report transport error';

/**
 * RFC 3261 §17.1.1 (figure 5) with the `accepted` state of RFC 6026 §8.4, in which every 2xx of every branch
 * reaches the user. Timers A and B run from the start; A only over UDP. `abandon` is the user's word that it
 * cancelled and has waited long enough (RFC 3261 §9.1).
 */
export const inviteClient: Machine<InviteClientState, InviteClientInput, InviteClientAction> = {
  calling: {
    'timer A': ['calling', 'send request', 'double A'],
    'timer B': ['terminated', 'report timeout'],
    '1xx': ['proceeding', 'stop A', 'stop B', 'pass response up'],
    '2xx': ['accepted', 'stop A', 'stop B', 'start M', 'pass response up'],
    '3xx-6xx': ['completed', 'stop A', 'stop B', 'send ACK', 'start D', 'pass response up'],
    'transport error': ['terminated', 'report transport error'],
    abandon: ['terminated'],
  },
  proceeding: {
    '1xx': ['proceeding', 'pass response up'],
    '2xx': ['accepted', 'start M', 'pass response up'],
    '3xx-6xx': ['completed', 'send ACK', 'start D', 'pass response up'],
    'transport error': ['terminated', 'report transport error'],
    abandon: ['terminated'],
  },
  accepted: {
    '2xx': ['accepted', 'pass response up'],
    'timer M': ['terminated'],
  },
  completed: {
    '3xx-6xx': ['completed', 'send ACK'],
    'timer D': ['terminated'],
  },
  terminated: {},
};
