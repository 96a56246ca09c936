import type { Extension } from '../pbx/directory/index.ts';
import type { WebhookDelivery } from '../pbx/records/index.ts';
import type { Binding } from '../pbx/registrar/index.ts';

/** One change to what is kept. Plain data: it crosses to the store's thread and may be written to a file on the way. */
export type StoreEntry =
  | { readonly kind: 'save binding'; readonly row: Binding }
  | { readonly kind: 'remove binding'; readonly row: Pick<Binding, 'aor' | 'key'> }
  | { readonly kind: 'add webhook'; readonly row: WebhookDelivery }
  | { readonly kind: 'remove webhook'; readonly row: Pick<WebhookDelivery, 'id' | 'url'> }
  | { readonly kind: 'save extension'; readonly row: Extension }
  | { readonly kind: 'remove extension'; readonly row: Pick<Extension, 'number'> };

/** What the entry is about: of two entries with the same key only the later one counts. */
export function entryKey(entry: StoreEntry): string {
  switch (entry.kind) {
    case 'save binding':
    case 'remove binding':
      return `binding\n${entry.row.aor}\n${entry.row.key}`;
    case 'add webhook':
    case 'remove webhook':
      return `webhook\n${entry.row.id}\n${entry.row.url}`;
    case 'save extension':
    case 'remove extension':
      return `extension\n${entry.row.number}`;
  }
}

/** Whether the entry may be lost when there is no room: a phone registers again, nobody repeats an event. */
export function isExpendable({ kind }: StoreEntry): boolean {
  return kind === 'save binding' || kind === 'remove binding';
}
