/** Pauses between tries that fail: 100 ms, doubling up to 5 s. */
const first = 100;
const longest = 5000;

/** The pause in ms after the `failures`-th failure in a row; 0 after none. */
export function backoff(failures: number): number {
  return failures === 0 ? 0 : Math.min(longest, first * 2 ** (failures - 1));
}
