import type { TransactionMachines } from '../../../src/sip/transaction/index.ts';
import type { Checks } from '../transaction-bench.ts';
import { inviteClientChecks } from './invite-client.ts';
import { inviteServerChecks } from './invite-server.ts';
import { nonInviteClientChecks } from './non-invite-client.ts';
import { nonInviteServerChecks } from './non-invite-server.ts';

/** The checks of each machine. */
export const transactionChecks: { readonly [M in keyof TransactionMachines]: Checks } = {
  inviteClient: inviteClientChecks,
  nonInviteClient: nonInviteClientChecks,
  inviteServer: inviteServerChecks,
  nonInviteServer: nonInviteServerChecks,
};
