import { describe, test } from 'vitest';
import { inviteServerChecks } from '../../../test/support/transaction-checks/invite-server.ts';
import { standardMachines } from './transaction-layer.ts';

// Written as plain functions there, because test/mutation runs them against altered tables too.
describe('an INVITE to us', () => {
  test.each(Object.entries(inviteServerChecks))('%s', (_, check) => check(standardMachines));
});
