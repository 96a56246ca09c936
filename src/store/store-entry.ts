import type { Extension } from '../pbx/directory/index.ts';
import type { WebhookDelivery } from '../pbx/records/index.ts';
import type { Binding } from '../pbx/registrar/index.ts';
import type { Ban } from '../pbx/security/index.ts';

/** One change to what is kept. Plain data: it crosses to the store's thread and may be written to a file on the way. */
export type StoreEntry =
  | { readonly kind: 'save binding'; readonly row: Binding }
  | { readonly kind: 'remove binding'; readonly row: Pick<Binding, 'aor' | 'key'> }
  | { readonly kind: 'add webhook'; readonly row: WebhookDelivery }
  | { readonly kind: 'remove webhook'; readonly row: Pick<WebhookDelivery, 'id' | 'url'> }
  | { readonly kind: 'save extension'; readonly row: Extension }
  | { readonly kind: 'remove extension'; readonly row: Pick<Extension, 'number'> }
  | { readonly kind: 'save ban'; readonly row: Ban }
  | { readonly kind: 'remove ban'; readonly row: Pick<Ban, 'source'> };

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
    case 'save ban':
    case 'remove ban':
      return `ban\n${entry.row.source}`;
  }
}

/**
 * Whether the entry may be lost when there is no room: a phone registers again, an attacker fails again, nobody
 * repeats an event.
 */
export function isExpendable({ kind }: StoreEntry): boolean {
  return expendable.has(kind);
}

const expendable: ReadonlySet<StoreEntry['kind']> = new Set([
  'save binding',
  'remove binding',
  'save ban',
  'remove ban',
]);
