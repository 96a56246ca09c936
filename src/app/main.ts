#!/usr/bin/env node
// An older Node must be able to read this file, to say that it is too old: nothing new here, and all else is imported late.
const needed = 24;

if (Number(process.versions.node.split('.')[0]) < needed) {
  process.stderr.write(`sip-pbx needs Node ${needed} or later; this is ${process.version}\n`);
  process.exitCode = 1;
} else {
  const { command } = await import('./command.ts');
  process.exitCode = await command();
  // All is closed. Timers of transactions that would absorb repetitions are left (32 s); nobody hears those any more.
  // Text that is still on its way out is waited for.
  process.stdout.write('', () => process.stderr.write('', () => process.exit()));
}

export {};
