/** What a log line says besides its message. `call_id` and `leg` are the names users search for. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where facts about what happens are written. Messages are facts ("binding added"), fields are data. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warning(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose every line carries `fields` too; `logger` in them names the part that speaks. */
  child(fields: LogFields): Log;
}

/** A log that nobody reads. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warning: () => {},
  error: () => {},
  child: () => silentLog,
};
