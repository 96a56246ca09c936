import { describe, test } from 'vitest';
import { inviteClientChecks } from '../../../test/support/transaction-checks/invite-client.ts';
import { standardMachines } from './transaction-layer.ts';

// Written as plain functions there, because test/mutation runs them against altered tables too.
describe('an INVITE of ours', () => {
  test.each(Object.entries(inviteClientChecks))('%s', (_, check) => check(standardMachines));
});
