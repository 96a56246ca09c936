import { type ExchangeProcess, loopback } from './exchange-process.ts';
import { freePorts } from './free-ports.ts';
import { Program } from './program.ts';

/** The tools of SIPVicious: who listens, which extensions there are, what their passwords are. */
export type AttackTool = 'svmap' | 'svwar' | 'svcrack';

/** Runs one against the exchange at its own pace, from 127.0.0.1 (no other can be had), and gives what it has to tell. */
export async function attack(
  exchange: ExchangeProcess,
  tool: AttackTool,
  args: readonly string[] = [],
): Promise<string> {
  const { port } = exchange.sip('udp');
  const own = ['-x', loopback, '-P', String(await freePorts(2)), '-v'];
  await using program = new Program(tool, [...own, '-p', String(port), ...args, loopback], {
    cwd: exchange.folder.path,
    env: { ...process.env, HOME: exchange.folder.path, COLUMNS: '200' },
  });
  const { signal } = await program.exited;
  if (signal !== null) throw new Error(`${tool} did not come to its end:\n${program.output}`);
  return program.output;
}
