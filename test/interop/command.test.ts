import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Folder, runExchange, writeConfig } from './exchange-process.ts';
import type { Exit } from './program.ts';

interface Outcome extends Exit {
  readonly output: string;
}

/** Runs the command to its end. */
async function run(folder: Folder, ...args: readonly string[]): Promise<Outcome> {
  await using program = runExchange(folder, args);
  const exit = await program.exited;
  return { ...exit, output: program.output };
}

describe.concurrent('the command', () => {
  test('--help and --version say what they are asked for', async () => {
    using folder = new Folder();
    const [help, version] = await Promise.all([run(folder, '--help'), run(folder, '--version')]);
    expect(help).toMatchObject({ code: 0, output: expect.stringContaining('--check-config') });
    const { version: own } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(version).toMatchObject({ code: 0, output: `${own}\n` });
  });

  test('an unknown option is exit 2 with the one that is meant', async () => {
    using folder = new Folder();
    expect(await run(folder, '--prot', '5070')).toMatchObject({ code: 2, output: expect.stringContaining('--port') });
  });

  test('--check-config finds a good configuration good', async () => {
    using folder = new Folder();
    const file = await writeConfig(folder, {});
    expect(await run(folder, '--config', file, '--check-config')).toMatchObject({
      code: 0,
      output: expect.stringContaining('The configuration is good.'),
    });
  });

  test('a bad configuration is exit 2: every fault by its key path, with file and line', async () => {
    using folder = new Folder();
    const file = folder.file('bad.yaml');
    writeFileSync(file, 'sip:\n  listen_prot: 5070\n  transport: carrier-pigeon\nmedia:\n  rtp_timeout: soon\n');
    for (const more of [[], ['--check-config']]) {
      const { code, output } = await run(folder, '--config', file, ...more);
      expect(code).toBe(2);
      expect(output.trim().split('\n')).toHaveLength(3);
      expect(output).toMatch(/bad\.yaml:2.*sip\.listen_prot.*listen_port/);
      expect(output).toMatch(/bad\.yaml:3.*sip\.transport/);
      expect(output).toMatch(/bad\.yaml:5.*media\.rtp_timeout/);
    }
  });

  test('a port in use is exit 1 with one line that says which', async () => {
    using folder = new Folder();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const file = await writeConfig(folder, { extensions: [{ number: '1001', password: 'some-password' }] });
    const { code, output } = await run(folder, '--config', file, '--port', String(port));
    server.close();
    expect(code).toBe(1);
    const plain = output.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
    expect(plain).toEqual([expect.stringContaining(`127.0.0.1:${port}`)]);
    expect(output).not.toMatch(/"level":"(WARNING|ERROR)"/);
  });
});
