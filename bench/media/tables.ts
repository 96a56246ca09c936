import { type Figure, rounded } from '../figures.ts';

/** One measurement in a table: in which row and column it stands, and what is known of it. */
interface Cell {
  readonly row: string;
  readonly column: string;
  readonly figure: Figure;
}

/** What was measured of packets and of transcoded calls, as tables in Markdown; a star where it is not to be trusted. */
export function tablesOf(figures: readonly Figure[]): string {
  const packets = figures.flatMap((figure) => {
    const { contender, calls, where } = figure.details ?? {};
    return where === undefined ? [] : [{ row: `${where}, ${calls} calls`, column: String(contender), figure }];
  });
  const engines = packets.filter(({ column }) => column !== 'direct');
  const pairs = figures.flatMap((figure) => {
    const { pair } = figure.details ?? {};
    return pair === undefined ? [] : [{ row: String(pair), column: 'calls a core', figure }];
  });
  return [
    table('CPU time of a packet, and what is lost', engines, cpuAndLoss),
    table('One way, p50 and p99', packets, delays),
    table('Memory of a call', engines, memory),
    table('Transcoded', pairs, ({ value }) => value.toFixed(0)),
  ]
    .filter((text) => text !== '')
    .join('\n');
}

function cpuAndLoss({ value, details = {} }: Figure): string {
  const lost = Number(details['lost']);
  const share = (100 * lost) / Number(details['sent']);
  const cpu = Number.isFinite(value) ? `${rounded(value)} µs` : 'nothing comes through';
  return lost === 0 ? cpu : `${cpu}, ${share < 0.01 ? '< 0.01' : share.toPrecision(share < 10 ? 2 : 3)} % lost`;
}

function delays({ details = {} }: Figure): string {
  const [p50, p99] = [Number(details['latency_p50_us']), Number(details['latency_p99_us'])];
  return p99 === 0 ? '–' : `${micros(p50)}, ${micros(p99)}`;
}

function memory({ details = {} }: Figure): string {
  return `${(Number(details['bytes_per_call']) / 1e6).toFixed(3)} MB`;
}

/** `20 µs`, `1.5 ms`. */
export function micros(value: number): string {
  return value < 1000 ? `${value.toFixed(0)} µs` : `${(value / 1000).toFixed(1)} ms`;
}

function table(title: string, cells: readonly Cell[], write: (figure: Figure) => string): string {
  if (cells.length === 0) return '';
  const columns = [...new Set(cells.map(({ column }) => column))];
  const rows = [...new Set(cells.map(({ row }) => row))];
  const line = (words: readonly string[]): string => `| ${words.join(' | ')} |\n`;
  const body = rows.map((row) => {
    const written = columns.map((column) => {
      const figure = cells.find((cell) => cell.row === row && cell.column === column)?.figure;
      return figure ? write(figure) + (figure.details?.['doubts'] ? ' *' : '') : '';
    });
    return line([row, ...written]);
  });
  return line([title, ...columns]) + line(Array(columns.length + 1).fill('---')) + body.join('');
}
