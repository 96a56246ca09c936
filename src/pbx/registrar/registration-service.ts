import type { Admit, UserAgent } from '../../sip/ua/index.ts';
import type { Registrar } from './registrar.ts';

export interface RegistrationServiceOptions {
  readonly userAgent: UserAgent;
  readonly registrar: Registrar;
  readonly admit: Admit;
}

/** Answers REGISTER: challenges, then lets the registrar do what the phone asks for. */
export function serveRegistrations({ userAgent, registrar, admit }: RegistrationServiceOptions): void {
  userAgent.handle('REGISTER', (transaction) => {
    const user = admit(transaction);
    if (user === null) return;
    transaction.respond(registrar.register(transaction.request, transaction.flow, user, transaction.localTag));
  });
}
