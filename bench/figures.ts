/** One measured number, with what it was measured with. */
export interface Figure {
  readonly part: string;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly settings: string;
  /** What else has been measured with it, for the line of JSON. */
  readonly details?: Readonly<Record<string, number | string | null>>;
}

/** CPU time of this process, user and system, in µs. */
export function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** CPU time of one `action`, in µs: after a warm-up, over at least `ms` of CPU time in batches. */
export function microsPer(action: () => void, ms = 1500, batch = 1000): number {
  const run = (limit: number): number => {
    const started = cpuMicros();
    let count = 0;
    let spent = 0;
    while (spent < limit) {
      for (let i = 0; i < batch; i++) action();
      count += batch;
      spent = cpuMicros() - started;
    }
    return spent / count;
  };
  run(ms * 300);
  return run(ms * 1000);
}

/** A table for people, then a line of JSON for each figure. */
export function print(figures: readonly Figure[]): void {
  const rows = figures.map(({ part, what, value, unit, settings }) => [part, what, rounded(value), unit, settings]);
  const head = ['part', 'what', 'value', 'unit', 'settings'];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column === 2 ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join(' | ')} |\n`;
  process.stdout.write(`\n${line(head)}${line(widths.map((width) => '-'.repeat(width)))}${rows.map(line).join('')}\n`);
  for (const figure of figures) {
    process.stdout.write(`${JSON.stringify({ ...figure, value: Number(rounded(figure.value)) })}\n`);
  }
}

/** A value in three digits; `none` where nothing could be measured. */
export function rounded(value: number): string {
  if (!Number.isFinite(value)) return 'none';
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
