import { describe, expect, test } from 'vitest';
import { standardMachines, type TransactionMachines } from '../../src/sip/transaction/index.ts';
import { transactionChecks } from '../support/transaction-checks/index.ts';

type Name = keyof TransactionMachines;
type Row = readonly [next: string, ...actions: string[]];
type Table = Readonly<Record<string, Readonly<Record<string, Row>>>>;

interface Alteration {
  readonly what: string;
  readonly machines: TransactionMachines;
}

/** The row without one thing that it says, in every way: gone, with another next state, without one of its actions. */
function* alterations(name: Name, state: string, input: string): Generator<Alteration> {
  const table = standardMachines[name] as Table;
  const row = table[state]![input]!;
  const [next, ...actions] = row;
  const { [input]: _, ...others } = table[state]!;
  const machinesWith = (rows: Table[string]) =>
    ({ ...standardMachines, [name]: { ...table, [state]: rows } }) as TransactionMachines;

  yield { what: 'without the row', machines: machinesWith(others) };
  for (const other of Object.keys(table)) {
    if (other === next) continue;
    yield { what: `going to ${other}`, machines: machinesWith({ ...others, [input]: [other, ...actions] }) };
  }
  for (const [i, action] of actions.entries()) {
    const rest: Row = [next, ...actions.toSpliced(i, 1)];
    yield { what: `without "${action}"`, machines: machinesWith({ ...others, [input]: rest }) };
  }
}

function notices(name: Name, machines: TransactionMachines): boolean {
  for (const check of Object.values(transactionChecks[name])) {
    try {
      check(machines);
    } catch {
      return true;
    }
  }
  return false;
}

// The checks are those of the machines' unit tests. An alteration that none of them notices is a check that is
// missing, or a row or action that does nothing.
describe.each(Object.keys(standardMachines) as Name[])('in the table %s', (name) => {
  const table = standardMachines[name] as Table;
  const rows = Object.entries(table).flatMap(([state, inputs]) =>
    Object.keys(inputs).map((input) => [state, input] as const),
  );

  test('as it stands nothing is wrong', () => {
    expect(notices(name, standardMachines)).toBe(false);
  });

  test.each(rows)('each alteration of "%s, %s" is noticed', (state, input) => {
    const altered = [...alterations(name, state, input)];
    expect(altered.length).toBeGreaterThanOrEqual(Object.keys(table).length);
    const unnoticed = altered.filter(({ machines }) => !notices(name, machines)).map(({ what }) => what);
    expect(unnoticed).toEqual([]);
  });
});
