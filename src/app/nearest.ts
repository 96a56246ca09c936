/** The one of `known` that is most like `word`: what somebody who mistyped it meant. Undefined when nothing is known. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const cost = unlikeness(word, candidate);
    if (cost < least) {
      least = cost;
      best = candidate;
    }
  }
  return best;
}

/** As `nearest`, but undefined where the nearest is so unlike that nobody can have meant it: more than half of it is wrong. */
export function nearestLike(word: string, known: Iterable<string>): string | undefined {
  const best = nearest(word, known);
  return best !== undefined && unlikeness(word, best) * 2 <= best.length ? best : undefined;
}

/**
 * How unlike two names are: 0 for the same words (`listenPort`, `listen-port`, `LISTEN_PORT`), else the number of typing
 * errors between them, where a name that has all the words of the other (`port`, `listen_port`) is close.
 */
export function unlikeness(a: string, b: string): number {
  const left = plain(a);
  const right = plain(b);
  if (left === right) return 0;
  const [short, long] = left.length < right.length ? [left, right] : [right, left];
  const words = long.split('_');
  const contained = short.split('_').every((word) => word !== '' && words.includes(word));
  const errors = editDistance(left, right);
  return contained ? Math.min(errors, 1.5 + (long.length - short.length) / 100) : errors;
}

/** Lower case, words joined by one underscore. */
function plain(name: string): string {
  return name
    .replace(/([a-z\d])([A-Z])/g, '$1_$2')
    .replace(/[-_\s.]+/g, '_')
    .toLowerCase();
}

/** Insertions, deletions, replacements and swaps of neighbours that make `a` into `b` (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, beforeLast[j - 2]! + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
