import type { LegCounters, MediaTotals } from './relay.ts';

/** The sums over all sessions of a relay, those that have ended among them. */
export class RelayTotals {
  /** Of sessions that have ended. */
  #received = 0;
  #sent = 0;
  #lost = 0;
  #lostReported = 0;

  /** Takes the last counters of a session. */
  add(ended: readonly LegCounters[]): void {
    for (const leg of ended) {
      this.#received += leg.packetsReceived;
      this.#sent += leg.packetsSent;
      this.#lost += leg.packetsLost;
    }
  }

  /** With the sessions that go on. */
  with(sessions: Iterable<{ counters(): readonly LegCounters[] }>): MediaTotals {
    let { received, sent, lost } = { received: this.#received, sent: this.#sent, lost: this.#lost };
    for (const session of sessions) {
      for (const leg of session.counters()) {
        received += leg.packetsReceived;
        sent += leg.packetsSent;
        lost += leg.packetsLost;
      }
    }
    // A late packet takes back a loss; a counter that others read must never go down.
    this.#lostReported = Math.max(this.#lostReported, lost);
    return { received, sent, lost: this.#lostReported };
  }
}
