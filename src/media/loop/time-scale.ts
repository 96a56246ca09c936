/**
 * Shortening and stretching of sound without changing its pitch: a piece as long as a period of the voice is taken out or
 * played twice, and the seam is blended (overlap and add, where the two sides are most alike).
 */

/** The shortest piece, and how long a seam is, in ms. Voices have periods of 2.5 to 12 ms. */
const shortestPiece = 2.5;
const seamMs = 5;
/** Rate in Hz at which pieces are compared before the best is refined. */
const coarseRate = 8000;

/** How many samples at `rate` Hz `shorten` and `stretch` need for a piece of at most `most`. */
export function neededSamples(most: number, rate: number): number {
  return most + Math.round((seamMs * rate) / 1000);
}

/**
 * Takes at most `most` samples out of the beginning of the first `length` samples of `line`; the rest moves up. The
 * answer is how many were taken out, 0 where `most` or `length` is too little.
 */
export function shorten(line: Int16Array, length: number, rate: number, most: number): number {
  const piece = pieceOf(line, length, rate, most);
  if (piece === 0) return 0;
  const seam = Math.round((seamMs * rate) / 1000);
  for (let i = 0; i < seam; i++) {
    const weight = (i + 1) / (seam + 1);
    line[i] = Math.round(line[i]! * (1 - weight) + line[piece + i]! * weight);
  }
  line.copyWithin(seam, piece + seam, length);
  return piece;
}

/**
 * Plays at most `most` samples of the beginning of the first `length` samples of `line` twice; the rest moves down, for
 * which there must be room. The answer is how many were added, 0 where `most` or `length` is too little.
 */
export function stretch(line: Int16Array, length: number, rate: number, most: number): number {
  const piece = pieceOf(line, length, rate, most);
  if (piece === 0) return 0;
  const seam = Math.round((seamMs * rate) / 1000);
  line.copyWithin(piece, 0, length);
  // Behind the piece it goes on as it did, and then turns into the moved line, whose second piece is what it was.
  for (let i = 0; i < seam; i++) {
    const weight = (i + 1) / (seam + 1);
    line[piece + i] = Math.round(line[2 * piece + i]! * (1 - weight) + line[piece + i]! * weight);
  }
  return piece;
}

/** The length of the piece after which the line is most like its beginning, in samples; 0 where there is no room for one. */
function pieceOf(line: Int16Array, length: number, rate: number, most: number): number {
  const seam = Math.round((seamMs * rate) / 1000);
  const shortest = Math.round((shortestPiece * rate) / 1000);
  const longest = Math.min(Math.floor(most), length - seam);
  if (longest < shortest) return 0;
  const stride = Math.max(1, Math.floor(rate / coarseRate));
  const best = mostAlike(line, seam, shortest, longest, stride);
  if (stride === 1) return best;
  return mostAlike(line, seam, Math.max(shortest, best - stride), Math.min(longest, best + stride), 1);
}

function mostAlike(line: Int16Array, seam: number, from: number, to: number, step: number): number {
  let best = to;
  let highest = Number.NEGATIVE_INFINITY;
  for (let piece = to; piece >= from; piece -= step) {
    let product = 0;
    let energy = 1;
    for (let i = 0; i < seam; i += step) {
      const there = line[piece + i]!;
      product += line[i]! * there;
      energy += there * there;
    }
    const likeness = product / Math.sqrt(energy);
    if (likeness > highest) {
      highest = likeness;
      best = piece;
    }
  }
  return best;
}
