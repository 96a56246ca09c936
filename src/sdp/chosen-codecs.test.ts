import { describe, expect, test } from 'vitest';
import { codecsToAnswer, codecsToOffer } from './chosen-codecs.ts';
import type { Codec } from './codecs.ts';

const codec = (
  payloadType: number,
  name: string,
  clockRate = 8000,
  channels = 1,
  fmtp: string | null = null,
): Codec => ({
  payloadType,
  name,
  clockRate,
  channels,
  fmtp,
});
const opus = codec(96, 'opus', 48000, 2, 'maxplaybackrate=16000');
const pcmu = codec(0, 'PCMU');
const pcma = codec(8, 'PCMA');
const g729 = codec(18, 'G729');
const noise = codec(13, 'CN');
const events = codec(101, 'telephone-event', 8000, 1, '0-15');
const events48 = codec(102, 'telephone-event', 48000);

const usual = ['opus', 'g722', 'pcmu', 'pcma'];
const transcoding = { codecPriority: usual, transcodable: usual };
const relaying = { codecPriority: usual, transcodable: [] };
const rest = { codecPriority: ['*'], transcodable: usual };

const said = (codecs: readonly Codec[]) => codecs.map(({ name, clockRate }) => `${name}/${clockRate / 1000}`);
const offer = (...[theirs, ...legs]: Parameters<typeof codecsToOffer>) => said(codecsToOffer(theirs, ...legs));
const answer = (...[offered, ...known]: Parameters<typeof codecsToAnswer>) => said(codecsToAnswer(offered, ...known));

describe('an offer', () => {
  test('has what the other phone can do, and after it what can be transcoded, events last', () => {
    const expected = ['PCMU/8', 'PCMA/8', 'opus/48', 'G722/8', 'telephone-event/8', 'telephone-event/48'];
    expect(offer([pcma, pcmu, events], transcoding, transcoding)).toEqual(expected);
  });

  test('has events for each clock although the other phone knows none', () => {
    const priority = { codecPriority: ['pcma', 'pcmu'], transcodable: usual };
    expect(offer([pcmu], transcoding, priority)).toEqual(['PCMU/8', 'PCMA/8', 'telephone-event/8']);
  });

  test('has nothing more where we can not transcode', () => {
    expect(offer([pcmu, events], relaying, relaying)).toEqual(['PCMU/8', 'telephone-event/8']);
  });

  test('has nothing more where the other phone has only what we can not transcode', () => {
    expect(offer([g729, events], rest, rest)).toEqual(['G729/8', 'telephone-event/8']);
    expect(offer([g729], transcoding, transcoding)).toEqual([]);
  });

  test('has what the other phone may not use, where that has another that can be transcoded', () => {
    const plain = { codecPriority: ['pcmu'], transcodable: usual };
    expect(offer([opus, events48], transcoding, plain)).toEqual(['PCMU/8', 'telephone-event/8']);
    // What the other phone is forbidden can not be transcoded either.
    expect(offer([opus], plain, transcoding)).toEqual(['opus/48']);
  });

  test('has what is spoken already before what else can be transcoded', () => {
    const speaking = { spoken: pcma, known: [pcma] };
    expect(offer([opus], transcoding, transcoding, speaking).slice(0, 4)).toEqual([
      'opus/48',
      'PCMA/8',
      'G722/8',
      'PCMU/8',
    ]);
  });

  test('has nothing to transcode for a phone that is known to do what the other does, but its events', () => {
    const phone = { spoken: pcmu, known: [pcmu, pcma] };
    expect(offer([pcma], transcoding, transcoding, phone)).toEqual(['PCMA/8', 'telephone-event/8']);
    expect(offer([opus, pcma, events48], transcoding, transcoding, phone)).toEqual([
      ...['opus/48', 'PCMA/8', 'telephone-event/48', 'telephone-event/8'],
    ]);
  });

  test('has the parameters of the other phone, and ours for what we add', () => {
    const parameters = (theirs: readonly Codec[]) =>
      codecsToOffer(theirs, transcoding, transcoding).find(({ name }) => name === 'opus')?.fmtp;
    expect(parameters([opus])).toBe('maxplaybackrate=16000');
    expect(parameters([pcmu])).toBe('minptime=10;useinbandfec=1');
  });
});

describe('an answer', () => {
  test('has what is shared, in the order of the offer, with the parameters of the other phone', () => {
    const theirs = [{ ...events, fmtp: '0-11' }, pcma, pcmu];
    const codecs = codecsToAnswer([pcmu, opus, pcma, events], theirs, transcoding, transcoding);
    expect(codecs).toEqual([pcmu, pcma, { ...events, fmtp: '0-11' }]);
  });

  test('has one codec where nothing is shared: the first of the priority, with our parameters', () => {
    expect(codecsToAnswer([pcma, opus, events48], [pcmu], transcoding, transcoding)).toEqual([
      { ...opus, fmtp: 'minptime=10;useinbandfec=1' },
      { ...events48, fmtp: '0-16' },
    ]);
  });

  test('stays with what is spoken already', () => {
    expect(answer([opus, pcma], [pcmu], transcoding, transcoding, { spoken: pcma })).toEqual(['PCMA/8']);
    expect(answer([opus], [pcmu], transcoding, transcoding, { spoken: pcma })).toEqual(['opus/48']);
  });

  test('has events of the clock of its codec, else of another', () => {
    expect(answer([opus, pcma, events, events48], [pcmu], transcoding, transcoding)).toEqual([
      'opus/48',
      'telephone-event/48',
    ]);
    expect(answer([opus, events], [pcmu], transcoding, transcoding)).toEqual(['opus/48', 'telephone-event/8']);
  });

  test('has the events that the other phone does not know, as they reach it in another way', () => {
    expect(answer([pcmu, events, events48], [pcmu], transcoding, transcoding)).toEqual(['PCMU/8', 'telephone-event/8']);
    expect(answer([pcmu, events], [pcmu], relaying, relaying)).toEqual(['PCMU/8']);
  });

  test('has comfort noise beside a codec of its clock where that is transcoded (RFC 3389)', () => {
    expect(answer([pcmu, noise], [opus], transcoding, transcoding)).toEqual(['PCMU/8', 'CN/8']);
    expect(answer([opus, noise], [pcmu], transcoding, transcoding)).toEqual(['opus/48']);
    expect(answer([pcmu, noise], [pcmu], transcoding, transcoding)).toEqual(['PCMU/8']);
  });

  test('is none where one of the two has only what we can not transcode, or what it may not use', () => {
    expect(answer([g729, events], [pcmu, events], rest, rest)).toEqual([]);
    expect(answer([pcmu, events], [g729, events], rest, rest)).toEqual([]);
    expect(answer([opus], [pcmu], relaying, relaying)).toEqual([]);
    expect(answer([opus], [pcmu], transcoding, { codecPriority: ['pcmu'], transcodable: usual })).toEqual([]);
  });

  test('takes a codec by its whole name: PCMU of another clock is none of ours', () => {
    expect(answer([codec(97, 'PCMU', 16000)], [pcmu], rest, rest)).toEqual([]);
    expect(answer([codec(97, 'opus', 48000, 1)], [pcmu], rest, rest)).toEqual([]);
  });
});
