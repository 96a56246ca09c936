export type { CallContext, CallLimits } from './call-context.ts';
export { type Authenticate, CallService, type CallServiceOptions } from './call-service.ts';
export { dialogMethods } from './conversation.ts';
