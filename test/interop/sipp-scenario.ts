import { readFileSync } from 'node:fs';

/**
 * The text of a scenario of test/interop/sipp/, for SIPp: `<use part="acknowledges" cseq="2"/>` stands for
 * sipp/parts/acknowledges.xml, in which `{cseq}` is what the attribute says and `{version=1}` is 1 unless one says
 * otherwise. A line of which nothing is left goes; `\n` in an attribute begins a line.
 */
export function sippScenario(name: string): string {
  return read(name).replaceAll(/^[ ]*<use part="([\w-]+)"([^>]*)\/>$/gm, (_, part: string, attributes: string) => {
    const given = new Map<string, string>();
    for (const [, key, value] of attributes.matchAll(/([\w-]+)="([^"]*)"/g)) {
      given.set(key!, value!.replaceAll('\\n', '\n    '));
    }
    const fill = (hole: string, key: string, otherwise: string | undefined): string => {
      const value = given.get(key) ?? otherwise?.slice(1);
      if (value === undefined) throw new Error(`scenario ${name}: ${part} needs ${hole}`);
      return value;
    };
    const lines = read(`parts/${part}`)
      .split('\n')
      .map(
        (line) => [line, line.replaceAll(/\{(\w+)(=[^}]*)?\}/g, (hole, key, rest) => fill(hole, key, rest))] as const,
      );
    return lines
      .filter(([before, after]) => before === after || after.trim() !== '')
      .map(([, after]) => after)
      .join('\n');
  });
}

function read(name: string): string {
  return readFileSync(new URL(`sipp/${name}.xml`, import.meta.url), 'utf8');
}
