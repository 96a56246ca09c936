import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Impairment, impairmentOf, opinionScore, rating, scoreOf } from './mos.ts';

const g711 = impairmentOf('PCMU')!;
const clean = { lossRate: 0, meanBurst: null, delayMs: null };

describe('the narrowband E-model (ITU-T G.107)', () => {
  test('gives R 93.2 and a score of 4.41 where nothing is wrong (clause 7.7)', () => {
    expect(rating(g711, clean)).toBeCloseTo(93.2, 1);
    expect(opinionScore(g711, clean)).toBeCloseTo(4.41, 2);
  });

  test.each([
    [50, 2.58],
    [60, 3.1],
    [70, 3.6],
    [80, 4.02],
    [90, 4.34],
    [93.2, 4.41],
    [100, 4.5],
    [120, 4.5],
    [0, 1],
    [-20, 1],
    [3, 1],
  ])('R %d is a score of %d (annex B)', (r, score) => {
    expect(scoreOf(r)).toBeCloseTo(score, 2);
  });

  // Ie,eff = 95 Ppl / (Ppl + Bpl): with concealment 3.64, 15.78 and 27.07, without it 17.92, 51.08 and 66.43.
  test.each([
    ['with concealment', 25.1, 0.01, 89.57, 4.33],
    ['with concealment', 25.1, 0.05, 77.43, 3.92],
    ['with concealment', 25.1, 0.1, 66.14, 3.41],
    ['without concealment', 4.3, 0.01, 75.28, 3.83],
    ['without concealment', 4.3, 0.05, 42.13, 2.17],
    ['without concealment', 4.3, 0.1, 26.77, 1.48],
  ])('G.711 %s (Bpl %d of G.113 appendix I) at random loss of %d', (_, bpl, lossRate, r, score) => {
    const codec: Impairment = { scale: 'narrowband', ie: 0, bpl };
    expect(rating(codec, { ...clean, lossRate })).toBeCloseTo(r, 1);
    expect(opinionScore(codec, { ...clean, lossRate })).toBeCloseTo(score, 2);
  });

  test('G.729 at 2 % of loss has an effective impairment of exactly 19', () => {
    const codec = impairmentOf('G729')!;
    expect(rating(g711, clean) - rating(codec, { ...clean, lossRate: 0.02 })).toBeCloseTo(19, 9);
  });

  test('loss in bursts counts for more than as much by chance, and what is shorter than chance for no less', () => {
    const at = (meanBurst: number | null) => rating(g711, { lossRate: 0.05, meanBurst, delayMs: null });
    // A mean burst of 2 / 0.95 is twice what chance makes: 95 · 5 / (5/2 + 25.1) = 17.21 is taken off.
    expect(rating(g711, clean) - at(2 / 0.95)).toBeCloseTo(17.21, 2);
    expect(at(1)).toBe(at(null));
  });

  test.each([
    [0, 93.21],
    [100, 90.66],
    [150, 89.54],
    [250, 79.18],
  ])('a delay of %d ms leaves R %d', (delayMs, r) => {
    expect(rating(g711, { ...clean, delayMs })).toBeCloseTo(r, 1);
  });
});

describe('the wideband E-model (ITU-T G.107.1)', () => {
  const unimpaired: Impairment = { scale: 'wideband', ie: 0, bpl: 4.3 };

  test('goes up to R 129 and a score of 4.5 (annex A)', () => {
    expect(rating(unimpaired, clean)).toBe(129);
    expect(opinionScore(unimpaired, clean)).toBe(4.5);
  });

  // The impairments of G.722.2 in G.113 appendix IV.
  test.each([
    [8, 0, 4.42],
    [13, 0, 4.34],
    [41, 0, 3.51],
    [20, 0.02, 3.41],
  ])('Ie,WB %d and Bpl,WB 4.3 at a loss of %d', (ie, lossRate, score) => {
    expect(opinionScore({ scale: 'wideband', ie, bpl: 4.3 }, { ...clean, lossRate })).toBeCloseTo(score, 2);
  });

  test('takes delay as 1.29 times what it is on the narrowband scale', () => {
    expect(129 - rating(unimpaired, { ...clean, delayMs: 200 })).toBeCloseTo(3.93, 2);
  });
});

test('codecs are known by the name that SDP gives them, and one without figures is not guessed at', () => {
  expect(impairmentOf('G722')).toEqual({ scale: 'wideband', ie: 13, bpl: 4.3 });
  expect(impairmentOf('opus')).toMatchObject({ scale: 'wideband' });
  expect(impairmentOf('telephone-event')).toBeNull();
  expect(impairmentOf('speex')).toBeNull();
});

test('more loss or more delay never sounds better, and a score is always 1 to 4.5', () => {
  const codecs = fc.constantFrom(...['PCMA', 'G729', 'G722', 'opus'].map((name) => impairmentOf(name)!));
  const loss = fc.double({ min: 0, max: 1, noNaN: true });
  const delay = fc.double({ min: 5, max: 2000, noNaN: true });
  fc.assert(
    fc.property(codecs, loss, loss, delay, delay, (codec, loss1, loss2, delay1, delay2) => {
      const score = (lossRate: number, delayMs: number) => opinionScore(codec, { lossRate, meanBurst: null, delayMs });
      const better = score(Math.min(loss1, loss2), Math.min(delay1, delay2));
      const worse = score(Math.max(loss1, loss2), Math.max(delay1, delay2));
      expect(worse).toBeLessThanOrEqual(better + 1e-9);
      expect(worse).toBeGreaterThanOrEqual(1);
      expect(better).toBeLessThanOrEqual(4.5);
    }),
  );
});
