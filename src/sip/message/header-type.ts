/** How one header field is read and written; the value's type follows from the header asked for. */
export interface HeaderType<T> {
  readonly name: string;
  readonly compact: string | null;
  /** Several values may stand in one line, separated by commas. */
  readonly list: boolean;
  /** Reads one value. Throws SipSyntaxError. */
  parse(text: string): T;
  format(value: T): string;
}
