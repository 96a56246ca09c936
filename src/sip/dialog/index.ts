export type { AcceptUser } from './accepted.ts';
export { addressed } from './addressed.ts';
export {
  Dialog,
  type DialogAnswer,
  type DialogContext,
  type DialogRequest,
  type DialogUser,
} from './dialog.ts';
export {
  capabilitiesOf,
  type DialogState,
  dialogKey,
  dialogStateOfRequest,
  dialogStateOfResponse,
  isSips,
  newTag,
} from './dialog-state.ts';
export { ReferSubscription } from './refer.ts';
export { ProvisionalOrder, ReliableProvisionals, reliability, reliableNumberOf } from './reliable-provisional.ts';
export {
  askedIn,
  checkInterval,
  longerFields,
  openingFields,
  type SessionTimerRules,
} from './session-rules.ts';
export type { SessionEvent } from './session-timer.ts';
export {
  type NotifiedState,
  type NotifyOutcome,
  Subscription,
  type SubscriptionEnd,
  type SubscriptionOptions,
  type SubscriptionUser,
} from './subscription.ts';
