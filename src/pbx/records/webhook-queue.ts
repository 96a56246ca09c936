/** One event on its way to one URL: plain data, kept until delivered or too old. */
export interface WebhookDelivery {
  /** The event's id, the same for every URL and every try: the receiver's key against duplicates. */
  readonly id: string;
  readonly url: string;
  /** Deliveries with the same key to the same URL keep their order: the call id, or the AOR. */
  readonly orderKey: string;
  /** The JSON text that is sent and signed. */
  readonly body: string;
  /** Rises with every delivery; gives the order back after a restart. */
  readonly sequence: number;
  /** Wall time in ms. */
  readonly createdAt: number;
}

/** Keeps undelivered webhooks over a restart. Written behind: nothing here is waited for but `load`. */
export interface WebhookQueue {
  load(): Promise<readonly WebhookDelivery[]>;
  add(delivery: WebhookDelivery): void;
  remove(id: string, url: string): void;
}
