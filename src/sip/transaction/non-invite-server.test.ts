import { describe, test } from 'vitest';
import { nonInviteServerChecks } from '../../../test/support/transaction-checks/non-invite-server.ts';
import { standardMachines } from './transaction-layer.ts';

// Written as plain functions there, because test/mutation runs them against altered tables too.
describe('a request to us that is no INVITE', () => {
  test.each(Object.entries(nonInviteServerChecks))('%s', (_, check) => check(standardMachines));
});
