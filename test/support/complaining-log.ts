import type { Log } from '../../src/base/index.ts';

/** A log that minds nothing but errors, which it hands to `complain` with their stack. */
export function complainingLog(complain: (text: string) => void): Log {
  const log: Log = {
    debug: () => {},
    info: () => {},
    warning: () => {},
    error: (message, fields) => {
      const error = fields?.['error'];
      complain(`${message} ${error instanceof Error ? error.stack : JSON.stringify(fields ?? {})}`);
    },
    child: () => log,
  };
  return log;
}
