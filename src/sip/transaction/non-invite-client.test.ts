import { describe, test } from 'vitest';
import { nonInviteClientChecks } from '../../../test/support/transaction-checks/non-invite-client.ts';
import { standardMachines } from './transaction-layer.ts';

// Written as plain functions there, because test/mutation runs them against altered tables too.
describe('a request of ours that is no INVITE', () => {
  test.each(Object.entries(nonInviteClientChecks))('%s', (_, check) => check(standardMachines));
});
