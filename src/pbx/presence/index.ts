export { dialogPackage } from './dialog-info.ts';
export type { EventPackage } from './event-package.ts';
export { ExtensionStates } from './extension-states.ts';
export { type MessageCounts, MessageWaiting, messageSummaryPackage } from './message-waiting.ts';
export { Notifier } from './notifier.ts';
export { presencePackage } from './presence-document.ts';
export { Publications } from './publications.ts';
