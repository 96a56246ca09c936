export { answerChallenge, claimedUsers, DigestAuthenticator, digestSecrets } from './digest.ts';
export { IncomingInvite, type IncomingInviteUser } from './incoming-invite.ts';
export { type AnswerByPrack, OutgoingInvite, type OutgoingInviteUser } from './outgoing-invite.ts';
export type { Admit, RequestHandler } from './uas-core.ts';
export { type OutOfDialogRequest, UserAgent } from './user-agent.ts';
