export type { CallContext, CallLimits } from './call-context.ts';
export { CallService, type CallServiceOptions } from './call-service.ts';
export { dialogMethods } from './conversation.ts';
export type { IsOurs } from './hops.ts';
export { type MessageOutcome, MessageRelay } from './message-relay.ts';
