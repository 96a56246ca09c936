import type { NotifiedState, NotifyOutcome, SubscriptionEnd, SubscriptionUser } from '../../sip/dialog/index.ts';
import { type SipRequest, type SipUri, sipUri } from '../../sip/message/index.ts';
import type { EventPackage } from './event-package.ts';

/** What a watch asks of the notifier that has granted it. */
export interface WatchKeeper {
  /** The seconds to grant to a refresh. Throws SipError to refuse it. */
  grant(watch: Watch, request: SipRequest): number;
  notified(watch: Watch, outcome: NotifyOutcome): void;
  ended(watch: Watch, end: SubscriptionEnd): void;
}

/** One watcher's interest in one extension. */
export class Watch implements SubscriptionUser {
  /** The number of the extension that watches. */
  readonly watcher: string;
  /** The number of the extension that is watched. */
  readonly extension: string;
  readonly kind: EventPackage;
  readonly #entity: SipUri;
  readonly #keeper: WatchKeeper;
  #version = 0;

  constructor(options: {
    readonly watcher: string;
    readonly extension: string;
    readonly kind: EventPackage;
    /** The SUBSCRIBE: the state is told of the URI that it has asked for. */
    readonly request: SipRequest;
    /** Where the watcher reaches us, if that URI has no host. */
    readonly host: string;
    readonly keeper: WatchKeeper;
  }) {
    const { uri } = options.request;
    this.watcher = options.watcher;
    this.extension = options.extension;
    this.kind = options.kind;
    this.#keeper = options.keeper;
    this.#entity = sipUri({
      user: options.extension,
      ...(uri.kind === 'sip' ? { host: uri.host, port: uri.port } : { host: options.host }),
    });
  }

  state(): NotifiedState {
    const text = this.kind.write({ extension: this.extension, entity: this.#entity, version: this.#version++ });
    return { standing: 'active', body: new TextEncoder().encode(text), contentType: this.kind.contentType };
  }

  onRefresh(request: SipRequest): number {
    return this.#keeper.grant(this, request);
  }

  onNotified(outcome: NotifyOutcome): void {
    this.#keeper.notified(this, outcome);
  }

  onEnd(end: SubscriptionEnd): void {
    this.#keeper.ended(this, end);
  }
}
