import type { Random } from '../../src/base/index.ts';

/** Decisions left to chance, in the words that a story needs. The same seed decides the same. */
export class Chance {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** True in `share` (0 to 1) of all cases. */
  happens(share: number): boolean {
    return this.#random.below(1_000_000) < share * 1_000_000;
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.#random.below(most - least + 1);
  }

  /** One of `items`, which has at least one. */
  pick<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)]!;
  }

  /** One of the choices, each as often as its weight says. */
  weighted<T>(choices: readonly (readonly [weight: number, choice: T])[]): T {
    let left = this.#random.below(choices.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, choice] of choices) {
      if (left < weight) return choice;
      left -= weight;
    }
    throw new Error('no choice was given');
  }
}
