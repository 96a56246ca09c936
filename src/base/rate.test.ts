import { expect, test } from 'vitest';
import { TokenBucket } from './rate.ts';
import { VirtualClock } from './virtual-clock.ts';

const taken = (bucket: TokenBucket, tries: number) =>
  Array.from({ length: tries }, () => bucket.take()).filter(Boolean);

test('a bucket gives its burst at once, then as much as it is filled by', () => {
  const clock = new VirtualClock();
  const bucket = new TokenBucket(clock, { perSecond: 10, burst: 3 });
  expect(taken(bucket, 5)).toHaveLength(3);
  expect(bucket.available).toBe(false);
  clock.advance(99);
  expect(bucket.take()).toBe(false);
  clock.advance(1);
  expect(taken(bucket, 5)).toHaveLength(1);
  clock.advance(60_000);
  expect(bucket.full).toBe(true);
  expect(taken(bucket, 5)).toHaveLength(3);
});

test('what is given back may be taken again, and never makes more than the burst', () => {
  const bucket = new TokenBucket(new VirtualClock(), { perSecond: 1, burst: 2 });
  bucket.give();
  expect(taken(bucket, 5)).toHaveLength(2);
  bucket.give();
  expect(bucket.full).toBe(false);
  expect(taken(bucket, 5)).toHaveLength(1);
});
