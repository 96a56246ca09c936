import { formatUri } from '../../sip/message/index.ts';
import type { EventPackage, View } from './event-package.ts';

/** The voice messages of a mailbox. */
export interface MessageCounts {
  readonly new: number;
  readonly old: number;
  /** Of the new and the old ones, those that are urgent. */
  readonly urgentNew?: number;
  readonly urgentOld?: number;
}

const none: MessageCounts = { new: 0, old: 0 };

/** Which extension has messages waiting, as whoever keeps the mailboxes says it. Forgotten at a restart. */
export class MessageWaiting {
  readonly #counts = new Map<string, MessageCounts>();
  readonly #listeners: ((extension: string) => void)[] = [];

  /** Says what is in the mailbox of `extension` from now on. */
  set(extension: string, counts: MessageCounts): void {
    if (counts.new === 0 && counts.old === 0) this.#counts.delete(extension);
    else this.#counts.set(extension, counts);
    for (const listener of this.#listeners) listener(extension);
  }

  /** What is in the mailbox of `extension`. */
  counts(extension: string): MessageCounts {
    return this.#counts.get(extension) ?? none;
  }

  /** Calls `listener` when a mailbox has changed. */
  onChange(listener: (extension: string) => void): void {
    this.#listeners.push(listener);
  }
}

/** The event package `message-summary` (RFC 3842): the lamp and the tone of a phone that has messages waiting. */
export function messageSummaryPackage(waiting: Pick<MessageWaiting, 'counts'>): EventPackage {
  return {
    name: 'message-summary',
    contentType: 'application/simple-message-summary',
    interval: 1000,
    watchers: 'oneself',
    write: (view) => messageSummary(view, waiting.counts(view.extension)),
  };
}

/** RFC 3842 §5.2 */
function messageSummary({ entity }: View, counts: MessageCounts): string {
  const { urgentNew = 0, urgentOld = 0 } = counts;
  return [
    `Messages-Waiting: ${counts.new > 0 ? 'yes' : 'no'}`,
    `Message-Account: ${formatUri(entity)}`,
    `Voice-Message: ${counts.new}/${counts.old} (${urgentNew}/${urgentOld})`,
    '',
  ].join('\r\n');
}
