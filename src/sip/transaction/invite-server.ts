import type { Machine } from './machine.ts';

export type InviteServerState = 'proceeding' | 'accepted' | 'completed' | 'confirmed' | 'terminated';

export type InviteServerInput =
  | 'request'
  | 'ACK'
  | 'respond 1xx'
  | 'respond 2xx'
  | 'respond 3xx-6xx'
  | 'refuse'
  | 'respond once'
  | 'abandon'
  | 'timer Trying'
  | 'timer G'
  | 'timer H'
  | 'timer I'
  | 'timer L'
  | 'transport error';

export type InviteServerAction =
  | 'send response'
  | 'resend response'
  | 'send 100'
  | 'double G'
  | 'stop Trying'
  | 'start G'
  | 'stop G'
  | 'start H'
  | 'stop H'
  | 'start I'
  | 'start L'
  | 'pass ACK up'
  | 'report timeout'
  | 'report transport error';

/**
 * RFC 3261 §17.2.1 (figure 7) with the `accepted` state of RFC 6026 §8.7. The user repeats a 2xx by itself until
 * its ACK (RFC 3261 §13.3.1.4); here the INVITE's repetitions are only absorbed. Timer Trying runs from the start.
 * A response that could not be sent does not end the transaction: the peer will ask again (RFC 6026 §8.8).
 *
 * Who has not shown who it is may have written somebody else's address on its request, so what is said to it is said
 * once for each INVITE that arrives: `refuse` answers repetitions and repeats nothing by itself, `respond once` is a
 * challenge, after which nothing is remembered (RFC 3261 §8.2.7, §26.3.2.4). What an attacker has
 * sent may be abandoned: it has no answer at all.
 */
export const inviteServer: Machine<InviteServerState, InviteServerInput, InviteServerAction> = {
  proceeding: {
    request: ['proceeding', 'resend response'],
    'timer Trying': ['proceeding', 'send 100'],
    'respond 1xx': ['proceeding', 'stop Trying', 'send response'],
    'respond 2xx': ['accepted', 'stop Trying', 'send response', 'start L'],
    'respond 3xx-6xx': ['completed', 'stop Trying', 'send response', 'start G', 'start H'],
    refuse: ['completed', 'stop Trying', 'send response', 'start H'],
    'respond once': ['terminated', 'send response'],
    abandon: ['terminated'],
    'transport error': ['proceeding', 'report transport error'],
  },
  accepted: {
    ACK: ['accepted', 'pass ACK up'],
    'respond 2xx': ['accepted', 'send response'],
    'timer L': ['terminated'],
    'transport error': ['accepted', 'report transport error'],
  },
  completed: {
    request: ['completed', 'resend response'],
    'timer G': ['completed', 'resend response', 'double G'],
    'timer H': ['terminated', 'report timeout'],
    ACK: ['confirmed', 'stop G', 'stop H', 'start I'],
  },
  confirmed: {
    'timer I': ['terminated'],
  },
  terminated: {},
};
