import type { SipUri } from '../../sip/message/index.ts';

/** What one NOTIFY is written from. */
export interface View {
  /** The number of the extension that is watched. */
  readonly extension: string;
  /** The AOR that is watched, with the host that the watcher knows us by. */
  readonly entity: SipUri;
  /** How many NOTIFYs of this subscription went before. */
  readonly version: number;
}

/** What can be watched of an extension (RFC 6665 §5). */
export interface EventPackage {
  /** As Event and Allow-Events say it. */
  readonly name: string;
  /** The only one that is written: `application/dialog-info+xml`. */
  readonly contentType: string;
  /** Shortest time between two changes told, on the average, in ms. */
  readonly interval: number;
  /** `everybody`: any extension may watch any. `oneself`: each only itself, under whatever number it asks. */
  readonly watchers: 'everybody' | 'oneself';
  /** The whole state. */
  write(view: View): string;
}
