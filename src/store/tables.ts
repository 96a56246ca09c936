import type { Extension } from '../pbx/directory/index.ts';
import type { WebhookDelivery } from '../pbx/records/index.ts';
import type { Binding } from '../pbx/registrar/index.ts';
import type { Ban } from '../pbx/security/index.ts';

/** The database's tables: their columns are the rows below. Times are wall ms, truth values 0 and 1. */
export interface Tables {
  binding: BindingRow;
  webhook_delivery: WebhookRow;
  extension: ExtensionRow;
  ban: BanRow;
  secret: SecretRow;
  sync_mark: SyncMarkRow;
}

export interface BindingRow {
  readonly aor: string;
  readonly key: string;
  readonly user: string;
  readonly contact: string;
  readonly instance: string | null;
  readonly q: number;
  readonly call_id: string;
  readonly cseq: number;
  readonly expires_at: number;
  readonly registered_at: number;
  /** A JSON list. */
  readonly path: string;
  readonly user_agent: string | null;
  readonly transport: string;
  readonly source_address: string;
  readonly source_port: number;
  readonly local_address: string;
  readonly local_port: number;
  readonly nat: number;
}

export interface WebhookRow {
  readonly id: string;
  readonly url: string;
  readonly order_key: string;
  readonly body: string;
  readonly sequence: number;
  readonly created_at: number;
}

export interface ExtensionRow {
  readonly number: string;
  readonly display_name: string | null;
  readonly md5: string;
  readonly sha256: string;
}

export interface BanRow {
  readonly source: string;
  readonly aor: string;
  readonly failures: number;
  readonly repetition: number;
  readonly banned_at: number;
  readonly until: number;
}

export interface SecretRow {
  readonly name: string;
  readonly value: Uint8Array;
}

/** One row, changed when a commit is wanted that writes through to the disk. */
export interface SyncMarkRow {
  readonly id: number;
  readonly count: number;
}

// The statements are prepared from the first row of each kind: every row lists its columns in the same order.

export function bindingRow(binding: Binding): BindingRow {
  return {
    aor: binding.aor,
    key: binding.key,
    user: binding.user,
    contact: binding.contact,
    instance: binding.instance,
    q: binding.q,
    call_id: binding.callId,
    cseq: binding.cseq,
    expires_at: binding.expiresAt,
    registered_at: binding.registeredAt,
    path: JSON.stringify(binding.path),
    user_agent: binding.userAgent,
    transport: binding.transport,
    source_address: binding.source.address,
    source_port: binding.source.port,
    local_address: binding.local.address,
    local_port: binding.local.port,
    nat: binding.nat ? 1 : 0,
  };
}

/** Throws SyntaxError when the row's path is no JSON. */
export function bindingOf(row: BindingRow): Binding {
  return {
    aor: row.aor,
    user: row.user,
    key: row.key,
    contact: row.contact,
    instance: row.instance,
    q: row.q,
    callId: row.call_id,
    cseq: row.cseq,
    expiresAt: row.expires_at,
    registeredAt: row.registered_at,
    path: JSON.parse(row.path) as string[],
    userAgent: row.user_agent,
    transport: row.transport as Binding['transport'],
    source: { address: row.source_address, port: row.source_port },
    local: { address: row.local_address, port: row.local_port },
    nat: row.nat !== 0,
  };
}

export function webhookRow(delivery: WebhookDelivery): WebhookRow {
  return {
    id: delivery.id,
    url: delivery.url,
    order_key: delivery.orderKey,
    body: delivery.body,
    sequence: delivery.sequence,
    created_at: delivery.createdAt,
  };
}

export function webhookOf(row: WebhookRow): WebhookDelivery {
  return {
    id: row.id,
    url: row.url,
    orderKey: row.order_key,
    body: row.body,
    sequence: row.sequence,
    createdAt: row.created_at,
  };
}

export function extensionRow({ number, displayName, secrets }: Extension): ExtensionRow {
  return { number, display_name: displayName, md5: secrets.md5, sha256: secrets.sha256 };
}

export function extensionOf({ number, display_name, md5, sha256 }: ExtensionRow): Extension {
  return { number, displayName: display_name, secrets: { md5, sha256 } };
}

export function banRow({ source, aor, failures, repetition, bannedAt, until }: Ban): BanRow {
  return { source, aor, failures, repetition, banned_at: bannedAt, until };
}

export function banOf({ banned_at, ...rest }: BanRow): Ban {
  return { ...rest, bannedAt: banned_at };
}
