import { describe, expect, test } from 'vitest';
import { type Codec, ownCodecs, sameCodec, selectCodecs, staticCodecs } from './codecs.ts';

const codec = (payloadType: number, name: string, clockRate = 8000, channels = 1): Codec => ({
  payloadType,
  name,
  clockRate,
  channels,
  fmtp: null,
});
const opus = codec(96, 'opus', 48000, 2);
const g722 = codec(9, 'G722');
const pcmu = codec(0, 'PCMU');
const pcma = codec(8, 'PCMA');
const g729 = codec(18, 'G729');
const events = codec(101, 'telephone-event');
const events48 = codec(102, 'telephone-event', 48000);

const names = (codecs: readonly Codec[]) => codecs.map(({ name, clockRate }) => `${name}/${clockRate}`);

describe('the codecs of an offer', () => {
  test('are reduced to the priority and follow its order', () => {
    expect(selectCodecs([pcma, g729, pcmu, opus], ['opus', 'g722', 'pcmu', 'pcma'])).toEqual([opus, pcmu, pcma]);
  });

  test('keep the rest in the offered order where the priority says "*"', () => {
    expect(selectCodecs([g729, pcma, g722, pcmu], ['pcmu', '*'])).toEqual([pcmu, g729, pcma, g722]);
    expect(selectCodecs([g729, pcma, pcmu], ['*', 'pcma'])).toEqual([g729, pcmu, pcma]);
  });

  test('are compared by name without regard to case (RFC 4855 section 3)', () => {
    expect(selectCodecs([codec(0, 'pcmu')], ['PCMU'])).toHaveLength(1);
    expect(sameCodec(codec(97, 'OPUS', 48000, 2), opus)).toBe(true);
    expect(sameCodec(codec(97, 'opus', 48000, 1), opus)).toBe(false);
  });

  test('end with telephone-event, one for each clock rate that still has a codec (RFC 4733 section 2.1)', () => {
    expect(selectCodecs([events, opus, events48, pcmu], ['pcmu'])).toEqual([pcmu, events]);
    expect(selectCodecs([events, opus, events48, pcmu], ['opus', 'pcmu'])).toEqual([opus, pcmu, events, events48]);
  });

  test('keep the only telephone-event there is, although its clock is not that of the codec', () => {
    expect(selectCodecs([opus, events], ['opus'])).toEqual([opus, events]);
  });

  test('are none when only events or comfort noise would be left', () => {
    expect(selectCodecs([g729, events], ['pcmu'])).toEqual([]);
    expect(selectCodecs([codec(13, 'CN'), events], ['*'])).toEqual([]);
  });

  test('are each taken once, the first time', () => {
    expect(selectCodecs([opus, { ...opus, payloadType: 97 }, pcmu, pcmu], ['*'])).toEqual([opus, pcmu]);
  });

  test('lose those whose parameters hold payload type numbers, as these would point elsewhere', () => {
    expect(selectCodecs([codec(63, 'red', 48000, 2), opus], ['*'])).toEqual([opus]);
  });
});

test('static numbers are those of RFC 3551 table 4', () => {
  expect(names([...staticCodecs.values()].slice(0, 3))).toEqual(['PCMU/8000', 'GSM/8000', 'G723/8000']);
  expect(staticCodecs.get(9)).toEqual(codec(9, 'G722'));
  expect(staticCodecs.get(10)).toMatchObject({ name: 'L16', clockRate: 44100, channels: 2 });
});

test('our own codecs follow the priority, with events for the rates in use', () => {
  expect(names(selectCodecs(ownCodecs, ['pcma', 'pcmu']))).toEqual(['PCMA/8000', 'PCMU/8000', 'telephone-event/8000']);
  expect(new Set(ownCodecs.map(({ payloadType }) => payloadType)).size).toBe(ownCodecs.length);
});
