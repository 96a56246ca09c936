import { readFileSync } from 'node:fs';

/** What the holes of a scenario are filled with, by name. */
export type Values = Readonly<Record<string, string>>;

/**
 * The text of a scenario of test/interop/sipp/, for SIPp: `<use part="acknowledges" cseq="2"/>` stands for
 * sipp/parts/acknowledges.xml, in which `{cseq}` is what the attribute says and `{version=1}` is 1 unless one says
 * otherwise. Holes of the scenario itself are filled with `values`. A line of which nothing is left goes; `\\n` in a
 * value begins a line.
 */
export function sippScenario(name: string, values: Values = {}): string {
  return read(name, values).replaceAll(/^ *<use part="([\w-]+)"((?: [\w-]+="[^"]*")*)\/>$/gm, (_, part, given) => {
    const attributes = [...given.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]);
    return sippScenario(`parts/${part}`, Object.fromEntries(attributes));
  });
}

function read(name: string, values: Values): string {
  const text = readFileSync(new URL(`sipp/${name}.xml`, import.meta.url), 'utf8');
  const lines = text.split('\n').map((line) => {
    const filled = line.replaceAll(/\{(\w+)(=[^}]*)?\}/g, (_, key: string, otherwise: string | undefined) => {
      const value = values[key] ?? otherwise?.slice(1);
      if (value === undefined) throw new Error(`SIPp's ${name} needs to know ${key}`);
      return value.replaceAll('\\n', '\n    ');
    });
    return filled.trim() === '' && line.trim() !== '' ? [] : [filled];
  });
  return lines.flat().join('\n');
}
