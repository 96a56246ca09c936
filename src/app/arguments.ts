import { parseArgs } from 'node:util';
import type { CommandLineValue } from './config.ts';
import { nearestLike } from './nearest.ts';

/** What the command line asks for. `faults` are reasons in plain words; the exit code is then 2. */
export type Arguments =
  | {
      readonly kind: 'run';
      readonly configFile: string | undefined;
      /** Only check the configuration and say what is wrong with it. */
      readonly checkConfig: boolean;
      readonly overrides: readonly CommandLineValue[];
    }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'faults'; readonly faults: readonly string[] };

/** What `--help` prints. */
export const usage = `Usage: sip-pbx [options]

  --config FILE      configuration to read (default: config/config.yaml where it exists)
  --port N           SIP port, instead of sip.listen_port
  --log-level LEVEL  DEBUG, INFO, WARNING or ERROR, instead of logging.level
  --check-config     check the configuration, name every fault and end
  --help, -h         show this text and end
  --version          show the version and end

Every key of the configuration can also be set in the environment, as SIP_PBX_<SECTION>_<KEY>;
config/config.example.yaml describes them all. Under npm, write two dashes first: npm start -- --port 5070
`;

const options = {
  config: { type: 'string' },
  port: { type: 'string' },
  'log-level': { type: 'string' },
  'check-config': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

/** The keys that options stand for; the schema checks what is given. */
const keys = { port: 'sip.listen_port', 'log-level': 'logging.level' } as const;

/** Reads the command line (without the program's own name). Every fault in it is named at once. */
export function parseArguments(args: readonly string[]): Arguments {
  // Not strict, because strict stops at the first fault.
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const faults: string[] = [];
  const given = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === 'positional') faults.push(`${token.value}: not an option`);
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    const type = Object.hasOwn(options, name) ? options[name as keyof typeof options].type : undefined;
    if (!type) {
      const meant = nearestLike(name, Object.keys(options));
      faults.push(`${rawName}: unknown option; ${meant ? `did you mean --${meant}?` : '--help names those there are'}`);
    } else if (type === 'boolean') {
      if (inlineValue) faults.push(`${rawName}: takes no value`);
      given.set(name, '');
    } else if (value === undefined || value === '' || (!inlineValue && value.startsWith('-'))) {
      faults.push(`${rawName}: needs a value`);
    } else {
      given.set(name, value);
    }
  }
  if (given.has('help')) return { kind: 'help' };
  if (faults.length > 0) return { kind: 'faults', faults };
  if (given.has('version')) return { kind: 'version' };
  const overrides = Object.entries(keys).flatMap(([name, key]) => {
    const text = given.get(name);
    return text === undefined ? [] : [{ key, text, option: `--${name}` }];
  });
  return { kind: 'run', configFile: given.get('config'), checkConfig: given.has('check-config'), overrides };
}
