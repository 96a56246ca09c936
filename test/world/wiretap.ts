import type { MemoryNetwork } from '../../src/sip/transport/index.ts';

/** Everything that arrives anywhere in the signalling network from now on, as text. */
export class Wiretap {
  readonly #heard: { readonly from: string; readonly to: string; readonly text: string }[] = [];

  constructor(network: MemoryNetwork) {
    const decoder = new TextDecoder();
    network.onDeliver((from, to, bytes) => {
      this.#heard.push({ from: from.address, to: to.address, text: decoder.decode(bytes) });
    });
  }

  /** What arrived at a host, in order. */
  to(ip: string): readonly string[] {
    return this.#heard.filter(({ to }) => to === ip).map(({ text }) => text);
  }

  /** The start lines of what passed between two hosts in that direction, in order. */
  between(from: string, to: string): readonly string[] {
    return this.#heard
      .filter((message) => message.from === from && message.to === to)
      .map(({ text }) => text.slice(0, text.indexOf('\r\n')));
  }
}
