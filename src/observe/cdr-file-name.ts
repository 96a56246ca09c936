type Field = 'Y' | 'm' | 'd' | 'H';

const widths: Readonly<Record<Field, number>> = { Y: 4, m: 2, d: 2, H: 2 };

/** Which file a record belongs to, and which files are ours: `filename_pattern`, `rotation` and `timezone` together. */
export class CdrFileName {
  readonly #pattern: string;
  readonly #daily: boolean;
  readonly #calendar: Intl.DateTimeFormat;
  readonly #ours: RegExp;
  readonly #fields: readonly Field[];
  #minute = Number.NaN;
  #name = '';

  /**
   * `pattern` with %Y %m %d %H %M, no folder. The fields stand for the beginning of the period, so %M is always 00, and
   * %H too where rotation is daily; an hourly pattern without %H gets one before its extension.
   * `timezone`: `utc` or an IANA name. Throws RangeError for a pattern with a folder or an unknown time zone.
   */
  constructor(pattern: string, rotation: 'daily' | 'hourly', timezone: string) {
    if (/[/\\]/.test(pattern)) throw new RangeError(`a CDR file name has no folder: ${pattern}`);
    this.#daily = rotation === 'daily';
    this.#pattern = this.#daily || pattern.includes('%H') ? pattern : pattern.replace(/(\.[^.]*)?$/, '-%H$1');
    this.#calendar = new Intl.DateTimeFormat('en-GB', {
      timeZone: timezone.toLowerCase() === 'utc' ? 'UTC' : timezone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
    });
    const fields: Field[] = [];
    const source = this.#pattern.replace(/%([YmdHM])|[.*+?^${}()|[\]\\]/g, (found, field: string | undefined) => {
      if (field === undefined) return `\\${found}`;
      if (field === 'M') return '00';
      fields.push(field as Field);
      return `(\\d{${widths[field as Field]}})`;
    });
    this.#ours = new RegExp(`^${source}$`);
    this.#fields = fields;
  }

  /** The file of a record made at `wall` (ms). */
  at(wall: number): string {
    // Every offset from UTC is a whole number of minutes: within one minute the name can't change.
    const minute = Math.floor(wall / 60_000);
    if (minute !== this.#minute) {
      const parts = this.#partsAt(wall);
      if (this.#daily) parts.H = '00';
      this.#name = this.#pattern.replace(/%([YmdHM])/g, (_, field: Field | 'M') =>
        field === 'M' ? '00' : parts[field],
      );
      this.#minute = minute;
    }
    return this.#name;
  }

  /** Whether a file of this name is one of ours. */
  owns(name: string): boolean {
    return this.#ours.test(name);
  }

  /** The day of a file of ours as `YYYY-MM-DD`; null where its name doesn't say it all. */
  dayOf(name: string): string | null {
    const found = this.#ours.exec(name);
    const part = (field: Field) => {
      const at = this.#fields.indexOf(field);
      return found && at >= 0 ? found[at + 1] : undefined;
    };
    const [year, month, day] = [part('Y'), part('m'), part('d')];
    return year && month && day ? `${year}-${month}-${day}` : null;
  }

  /** The day at `wall` (ms) in our time zone, as `YYYY-MM-DD`. */
  dayAt(wall: number): string {
    const { Y, m, d } = this.#partsAt(wall);
    return `${Y}-${m}-${d}`;
  }

  #partsAt(wall: number): Record<Field, string> {
    const found = new Map(this.#calendar.formatToParts(wall).map(({ type, value }) => [type as string, value]));
    const part = (type: string, width: number) => (found.get(type) ?? '').padStart(width, '0');
    return { Y: part('year', 4), m: part('month', 2), d: part('day', 2), H: part('hour', 2) };
  }
}
