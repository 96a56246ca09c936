import { mkdirSync, rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ExchangeProcess } from './exchange-process.ts';
import { play } from './sipp-call.ts';
import { needs } from './tools.ts';

const accounts = ['3101', '3102'].map((number) => ({ number, password: 'folder-password' }));
const [caller, callee] = [accounts[0]!, accounts[1]!];

describe.runIf(needs('sipp'))('the working directory is removed while the exchange runs', () => {
  test('calls go on, and their records stand where they belong', async () => {
    await using exchange = await ExchangeProcess.start({ config: { extensions: accounts } });
    rmSync(exchange.folder.path, { recursive: true });
    mkdirSync(exchange.folder.path);
    const records = await play(exchange, { caller, callee, calling: 'caller-talks', called: 'callee-answers' });
    expect(records).toMatchObject([{ status: 'completed' }]);
  });
});
