export { ClientTransaction, type ClientTransactionUser, type Failure } from './client-transaction.ts';
export { inviteClient } from './invite-client.ts';
export { inviteServer } from './invite-server.ts';
export type { Machine } from './machine.ts';
export { nonInviteClient } from './non-invite-client.ts';
export { nonInviteServer } from './non-invite-server.ts';
export type { OverloadCounters, OverloadLimits } from './overload.ts';
export { ServerTransaction, type ServerTransactionUser } from './server-transaction.ts';
export { defaultTimers, type TimerValues } from './timers.ts';
export type { TransactionCounters } from './transaction-context.ts';
export {
  standardMachines,
  TransactionLayer,
  type TransactionLayerUser,
  type TransactionMachines,
} from './transaction-layer.ts';
