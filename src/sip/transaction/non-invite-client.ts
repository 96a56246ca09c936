import type { Machine } from './machine.ts';

export type NonInviteClientState = 'trying' | 'proceeding' | 'completed' | 'terminated';

export type NonInviteClientInput = '1xx' | '2xx-6xx' | 'timer E' | 'timer F' | 'timer K' | 'transport error';

export type NonInviteClientAction =
  | 'send request'
  | 'double E'
  | 'slow E'
  | 'stop E'
  | 'stop F'
  | 'start K'
  | 'pass response up'
  | 'report timeout'
  | 'report transport error';

/** RFC 3261 §17.1.2 (figure 6). Timers E and F run from the start; E only over UDP. */
export const nonInviteClient: Machine<NonInviteClientState, NonInviteClientInput, NonInviteClientAction> = {
  trying: {
    'timer E': ['trying', 'send request', 'double E'],
    'timer F': ['terminated', 'report timeout'],
    '1xx': ['proceeding', 'pass response up'],
    '2xx-6xx': ['completed', 'stop E', 'stop F', 'start K', 'pass response up'],
    'transport error': ['terminated', 'report transport error'],
  },
  proceeding: {
    'timer E': ['proceeding', 'send request', 'slow E'],
    'timer F': ['terminated', 'report timeout'],
    '1xx': ['proceeding', 'pass response up'],
    '2xx-6xx': ['completed', 'stop E', 'stop F', 'start K', 'pass response up'],
    'transport error': ['terminated', 'report transport error'],
  },
  completed: {
    'timer K': ['terminated'],
  },
  terminated: {},
};
