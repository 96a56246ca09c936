export { type AuthOutcome, answerChallenge, DigestAuthenticator, digestSecrets } from './digest.ts';
export { IncomingInvite, type IncomingInviteUser } from './incoming-invite.ts';
export { OutgoingInvite, type OutgoingInviteUser } from './outgoing-invite.ts';
export type { RequestHandler } from './uas-core.ts';
export { type OutOfDialogRequest, UserAgent } from './user-agent.ts';
