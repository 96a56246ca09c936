export type { CallContext, CallLimits } from './call-context.ts';
export { CallService, type CallServiceOptions } from './call-service.ts';
export { dialogMethods } from './conversation.ts';
