import type { SipRequest } from '../../sip/message/index.ts';
import type { AuthOutcome, UserAgent } from '../../sip/ua/index.ts';
import type { Registrar } from './registrar.ts';

export interface RegistrationServiceOptions {
  readonly userAgent: UserAgent;
  readonly registrar: Registrar;
  /** Who sends a request, or what it is to be challenged with. */
  authenticate(request: SipRequest, sourceIp: string): AuthOutcome;
}

/** Answers REGISTER: challenges, then lets the registrar do what the phone asks for. */
export function serveRegistrations({ userAgent, registrar, authenticate }: RegistrationServiceOptions): void {
  userAgent.handle('REGISTER', (transaction) => {
    const { request, flow } = transaction;
    const user = userAgent.authenticated(transaction, authenticate);
    if (user !== null) transaction.respond(registrar.register(request, flow, user, transaction.localTag));
  });
}
