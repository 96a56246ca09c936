import { describe, expect, test } from 'vitest';
import type { Direction } from './direction.ts';
import {
  agreedCodecs,
  clockRates,
  fullOffer,
  NoCommonMedia,
  payloadMap,
  relayAnswer,
  relayOffer,
} from './negotiate.ts';
import { LegNegotiation } from './offer-answer.ts';
import {
  audioOf,
  formatSessionDescription,
  parseSessionDescription,
  type SessionDescription,
} from './session-description.ts';

const usual = ['opus', 'g722', 'pcmu', 'pcma'];

function twoLegs(priority: readonly string[] = usual, priorityOfB = priority): [a: LegNegotiation, b: LegNegotiation] {
  const local = { localAddress: '203.0.113.1' };
  return [
    new LegNegotiation({ sessionId: '1', localPort: 10_000, codecPriority: priority, ...local }),
    new LegNegotiation({ sessionId: '2', localPort: 10_002, codecPriority: priorityOfB, ...local }),
  ];
}

function phone(...media: readonly string[]): SessionDescription {
  return parseSessionDescription(['v=0', 'o=- 5 5 IN IP4 192.0.2.5', 'c=IN IP4 192.0.2.5', ...media].join('\n'));
}

/** The lines of the streams, without session and rtpmap lines. */
function linesOf(description: SessionDescription): readonly string[] {
  const lines = formatSessionDescription(description).trimEnd().split('\r\n');
  return lines.slice(5).filter((line) => !line.startsWith('a=rtpmap'));
}

/** A calls B: the offer goes to B and B's answer back. */
function connect(a: LegNegotiation, b: LegNegotiation, offer: SessionDescription, answer: SessionDescription) {
  a.receiveOffer(offer);
  const relayed = relayOffer(a, b);
  b.receiveAnswer(answer);
  return [relayed, relayAnswer(b, a)] as const;
}

const plain = phone('m=audio 5000 RTP/AVP 0 8');
const fromB = phone('m=audio 7000 RTP/AVP 0');

describe('examples of RFC 4317, as an exchange between the two relays them', () => {
  test('section 2.1: audio and video offered, video refused by us, one of two codecs chosen', () => {
    const [a, b] = twoLegs(['pcmu', 'ilbc']);
    const offer = phone(
      'm=audio 49170 RTP/AVP 0 8 97',
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:8 PCMA/8000',
      'a=rtpmap:97 iLBC/8000',
      'm=video 51372 RTP/AVP 31 32',
      'a=rtpmap:31 H261/90000',
    );
    const answer = phone('m=audio 49172 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000');
    const [relayed, answered] = connect(a, b, offer, answer);
    expect(linesOf(relayed)).toEqual(['m=audio 10002 RTP/AVP 0 97', 'a=sendrecv']);
    expect(linesOf(answered)).toEqual(['m=audio 10000 RTP/AVP 0', 'a=sendrecv', 'm=video 0 RTP/AVP 31 32']);
  });

  test('section 2.4: telephone events follow the codec through offer and answer', () => {
    const [a, b] = twoLegs(['ilbc', 'pcmu']);
    const offer = phone('m=audio 49170 RTP/AVP 0 97 101', 'a=rtpmap:97 iLBC/8000', 'a=rtpmap:101 telephone-event/8000');
    const answer = phone('m=audio 49172 RTP/AVP 97 101', 'a=rtpmap:97 iLBC/8000', 'a=rtpmap:101 telephone-event/8000');
    const [relayed, answered] = connect(a, b, offer, answer);
    expect(linesOf(relayed)[0]).toBe('m=audio 10002 RTP/AVP 97 0 101');
    expect(linesOf(answered)[0]).toBe('m=audio 10000 RTP/AVP 97 101');
  });

  test('section 3.1: hold and retrieve', () => {
    const [a, b] = twoLegs();
    connect(a, b, plain, fromB);
    const [hold, held] = connect(
      a,
      b,
      phone('m=audio 5000 RTP/AVP 0 8', 'a=sendonly'),
      phone('m=audio 7000 RTP/AVP 0', 'a=recvonly'),
    );
    expect([audioOf(hold)?.direction, audioOf(held)?.direction]).toEqual(['sendonly', 'recvonly']);
    const [resume, resumed] = connect(a, b, plain, fromB);
    expect([audioOf(resume)?.direction, audioOf(resumed)?.direction]).toEqual(['sendrecv', 'sendrecv']);
    expect([hold, resume].map(({ origin }) => origin.version)).toEqual(['2', '3']);
    expect([held, resumed].map(({ origin }) => origin.version)).toEqual(['2', '3']);
  });
});

describe('a relayed offer', () => {
  test('is written anew: nothing of the one side crosses to the other', () => {
    const [a, b] = twoLegs();
    a.receiveOffer(
      phone(
        'b=AS:84',
        'a=ice-ufrag:abcd',
        'a=group:BUNDLE 0',
        'm=audio 5000 RTP/AVP 0 101',
        'c=IN IP4 192.0.2.9',
        'a=rtpmap:101 telephone-event/8000',
        'a=fmtp:101 0-15',
        'a=ptime:30',
        'a=maxptime:60',
        'a=candidate:1 1 UDP 1 192.0.2.9 5000 typ host',
        'a=rtcp:5001 IN IP4 192.0.2.9',
        'a=rtcp-mux',
        'a=rtcp-fb:* nack',
        'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc',
        'a=fingerprint:SHA-1 00:11',
        'a=setup:actpass',
        'a=ssrc:12 cname:me',
        'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level',
        'a=mid:0',
      ),
    );
    expect(formatSessionDescription(relayOffer(a, b)).split('\r\n')).toEqual([
      'v=0',
      'o=- 2 1 IN IP4 203.0.113.1',
      's=-',
      'c=IN IP4 203.0.113.1',
      't=0 0',
      'm=audio 10002 RTP/AVP 0 101',
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:101 telephone-event/8000',
      'a=fmtp:101 0-15',
      'a=ptime:30',
      'a=maxptime:60',
      'a=sendrecv',
      '',
    ]);
  });

  test.each<[stated: string, address: string, direction: Direction]>([
    ['sendrecv', '192.0.2.5', 'sendrecv'],
    ['sendonly', '192.0.2.5', 'sendonly'],
    ['recvonly', '192.0.2.5', 'recvonly'],
    ['inactive', '192.0.2.5', 'inactive'],
    ['sendrecv', '0.0.0.0', 'sendonly'],
    ['inactive', '0.0.0.0', 'inactive'],
  ])('of %s at %s says %s, and never 0.0.0.0', (stated, address, direction) => {
    const [a, b] = twoLegs();
    a.receiveOffer(phone('m=audio 5000 RTP/AVP 0', `c=IN IP4 ${address}`, `a=${stated}`));
    const text = formatSessionDescription(relayOffer(a, b));
    expect(text).toContain(`a=${direction}\r\n`);
    expect(text).not.toContain('0.0.0.0');
  });

  test('has the codecs of codecPriority in its order', () => {
    const [a, b] = twoLegs();
    a.receiveOffer(phone('m=audio 5000 RTP/AVP 8 18 0 9'));
    expect(linesOf(relayOffer(a, b))[0]).toBe('m=audio 10002 RTP/AVP 9 0 8');
  });

  test.each<[string, readonly string[]]>([
    ['no audio', ['m=video 5000 RTP/AVP 31']],
    ['only refused audio', ['m=audio 0 RTP/AVP 0']],
    ['only audio of another profile', ['m=audio 5000 RTP/SAVP 0']],
    ['no codec that is let pass', ['m=audio 5000 RTP/AVP 18 101', 'a=rtpmap:101 telephone-event/8000']],
  ])('is none with %s, and both legs stay as they were', (_, media) => {
    const [a, b] = twoLegs();
    a.receiveOffer(phone(...media));
    const before = [a.state, b.state];
    expect(() => relayOffer(a, b)).toThrow(NoCommonMedia);
    expect([a.state, b.state]).toEqual(before);
  });

  test('is the plain audio alone where encrypted audio is offered beside it', () => {
    const [a, b] = twoLegs();
    a.receiveOffer(phone('m=audio 5000 RTP/SAVP 0', 'm=audio 5002 RTP/AVP 0'));
    expect(linesOf(relayOffer(a, b))).toEqual(['m=audio 10002 RTP/AVP 0', 'a=sendrecv']);
  });

  test('is RTP/AVP where the offer is RTP/AVPF, whose answer is RTP/AVPF again (RFC 4585, RFC 3264 section 6.1)', () => {
    const [a, b] = twoLegs();
    const offer = phone('m=audio 5000 RTP/AVPF 0 8', 'a=rtcp-fb:* trr-int 5000', 'a=rtcp-fb:* ccm tmmbr');
    const [relayed, answered] = connect(a, b, offer, fromB);
    expect(linesOf(relayed)).toEqual(['m=audio 10002 RTP/AVP 0 8', 'a=sendrecv']);
    expect(linesOf(answered)).toEqual(['m=audio 10000 RTP/AVPF 0', 'a=sendrecv']);
    // A later offer of the other side keeps the profile that this one has.
    b.receiveOffer(phone('m=audio 7000 RTP/AVP 0', 'a=sendonly'));
    expect(linesOf(relayOffer(b, a))).toEqual(['m=audio 10000 RTP/AVPF 0', 'a=sendonly']);
    a.receiveAnswer(phone('m=audio 5000 RTP/AVPF 0', 'a=recvonly'));
    expect(linesOf(relayAnswer(a, b))).toEqual(['m=audio 10002 RTP/AVP 0', 'a=recvonly']);
  });

  test('goes to each branch of a fork', () => {
    const [a, b] = twoLegs();
    const [, c] = twoLegs();
    a.receiveOffer(plain);
    expect(relayOffer(a, b)).toEqual(relayOffer(a, c));
    expect(a.phase).toBe('remote-offer');
  });

  test('needs one that is pending', () => {
    expect(() => relayOffer(...twoLegs())).toThrow('no offer to relay');
  });
});

describe('a relayed answer', () => {
  test('has the codecs that were accepted, in the order and with the numbers of the offer, with the parameters answered', () => {
    const [a, b] = twoLegs();
    const offer = phone(
      'm=audio 5000 RTP/AVP 8 107 0 96',
      'a=rtpmap:107 opus/48000/2',
      'a=fmtp:107 useinbandfec=1',
      'a=rtpmap:96 telephone-event/8000',
      'a=fmtp:96 0-16',
    );
    const answer = phone(
      'm=audio 7000 RTP/AVP 120 8 101',
      'a=rtpmap:120 opus/48000/2',
      'a=fmtp:120 maxplaybackrate=16000',
      'a=rtpmap:101 telephone-event/8000',
      'a=fmtp:101 0-11',
      'a=ptime:40',
    );
    const [relayed, answered] = connect(a, b, offer, answer);
    expect(linesOf(relayed)[0]).toBe('m=audio 10002 RTP/AVP 107 0 8 96');
    expect(linesOf(answered)).toEqual([
      'm=audio 10000 RTP/AVP 8 107 96',
      'a=fmtp:107 maxplaybackrate=16000',
      'a=fmtp:96 0-11',
      'a=ptime:40',
      'a=sendrecv',
    ]);
  });

  test.each<[offered: Direction, answeredByB: Direction, answered: Direction]>([
    ['sendrecv', 'recvonly', 'recvonly'],
    ['sendrecv', 'inactive', 'inactive'],
    ['sendonly', 'sendrecv', 'recvonly'],
    ['sendonly', 'inactive', 'inactive'],
    ['recvonly', 'sendonly', 'sendonly'],
    ['inactive', 'sendrecv', 'inactive'],
  ])('to %s, answered %s, says %s (RFC 3264 section 6.1)', (offered, byB, answered) => {
    const [a, b] = twoLegs();
    const [, answer] = connect(
      a,
      b,
      phone('m=audio 5000 RTP/AVP 0', `a=${offered}`),
      phone('m=audio 7000 RTP/AVP 0', `a=${byB}`),
    );
    expect(audioOf(answer)?.direction).toBe(answered);
  });

  test('never changes inside a dialog: a second branch gets nothing else said', () => {
    const [a, b] = twoLegs();
    const [, c] = twoLegs();
    a.receiveOffer(plain);
    relayOffer(a, b);
    relayOffer(a, c);
    b.receiveAnswer(fromB);
    const first = relayAnswer(b, a);
    c.receiveAnswer(phone('m=audio 9000 RTP/AVP 8'));
    expect(relayAnswer(c, a)).toBe(first);
    expect(payloadMap(agreedCodecs(a), agreedCodecs(c)).size).toBe(0);
  });

  test('of a winner with other codecs goes out in a dialog of its own', () => {
    const [a, b] = twoLegs();
    const [, c] = twoLegs();
    a.receiveOffer(plain);
    relayOffer(a, b);
    relayOffer(a, c);
    b.receiveAnswer(fromB);
    relayAnswer(b, a);
    c.receiveAnswer(phone('m=audio 9000 RTP/AVP 8'));
    const winner = a.fork('3');
    expect(linesOf(relayAnswer(c, winner))[0]).toBe('m=audio 10000 RTP/AVP 8');
    expect(winner.local?.origin.sessionId).toBe('3');
    expect([...payloadMap(agreedCodecs(winner), agreedCodecs(c))]).toEqual([[8, 8]]);
  });

  test('is none when the legs have no codec in common', () => {
    const [a, b] = twoLegs(['pcmu'], ['pcma']);
    a.receiveOffer(plain);
    relayOffer(a, b);
    b.receiveAnswer(phone('m=audio 7000 RTP/AVP 8'));
    expect(() => relayAnswer(b, a)).toThrow(NoCommonMedia);
    expect(a.phase).toBe('remote-offer');
  });

  test('needs an answer and an offer', () => {
    const [a, b] = twoLegs();
    a.receiveOffer(plain);
    expect(() => relayAnswer(b, a)).toThrow('no answer to relay');
    relayOffer(a, b);
    expect(() => relayAnswer(b, a)).toThrow('no answer to relay');
    const [c, d] = twoLegs();
    connect(c, d, plain, fromB);
    expect(() => relayAnswer(d, b)).toThrow('no offer to answer');
  });
});

describe('sessions that go on', () => {
  test("B holds: its offer goes to A in A's places and numbers", () => {
    const [a, b] = twoLegs();
    const offer = phone('m=video 5002 RTP/AVP 31', 'm=audio 5000 RTP/AVP 107 0', 'a=rtpmap:107 opus/48000/2');
    connect(a, b, offer, phone('m=audio 7000 RTP/AVP 107 0', 'a=rtpmap:107 opus/48000/2'));
    const hold = phone('m=audio 7000 RTP/AVP 96 0', 'a=rtpmap:96 opus/48000/2', 'a=sendonly');
    const answer = phone('m=video 0 RTP/AVP 31', 'm=audio 5000 RTP/AVP 107', 'a=rtpmap:107 opus/48000/2', 'a=recvonly');
    const [relayed, answered] = connect(b, a, hold, answer);
    expect(linesOf(relayed)).toEqual(['m=video 0 RTP/AVP 31', 'm=audio 10000 RTP/AVP 107 0', 'a=sendonly']);
    expect(linesOf(answered)).toEqual(['m=audio 10002 RTP/AVP 96', 'a=recvonly']);
    expect(Object.fromEntries(payloadMap(agreedCodecs(b), agreedCodecs(a)))).toEqual({ 96: 107 });
    expect(Object.fromEntries(payloadMap(agreedCodecs(a), agreedCodecs(b)))).toEqual({ 107: 96 });
  });

  test('a refused re-INVITE leaves media, maps and descriptions as they were', () => {
    const [a, b] = twoLegs();
    connect(a, b, plain, fromB);
    const before = [a.local, a.remote, b.local, b.remote, [...payloadMap(agreedCodecs(a), agreedCodecs(b))]];
    a.receiveOffer(phone('m=audio 5000 RTP/AVP 8', 'a=sendonly'));
    relayOffer(a, b);
    b.rollback();
    a.rollback();
    expect([a.local, a.remote, b.local, b.remote, [...payloadMap(agreedCodecs(a), agreedCodecs(b))]]).toEqual(before);
  });

  test('a refresh with the same description gets the same answer, version and all', () => {
    const [a, b] = twoLegs();
    const first = connect(a, b, plain, fromB);
    expect(connect(a, b, plain, fromB)).toEqual(first);
  });
});

describe('an offer of our own', () => {
  test('has all that codecPriority lets pass', () => {
    const [a] = twoLegs();
    expect(linesOf(fullOffer(a))).toEqual([
      'm=audio 10000 RTP/AVP 111 9 0 8 110 101',
      'a=fmtp:111 minptime=10;useinbandfec=1',
      'a=fmtp:110 0-16',
      'a=fmtp:101 0-16',
      'a=sendrecv',
    ]);
  });

  test('repeats what was agreed, word for word', () => {
    const [a, b] = twoLegs();
    const [offered, answered] = connect(a, b, plain, phone('m=audio 7000 RTP/AVP 0 8'));
    expect(fullOffer(b)).toEqual(offered);
    expect(fullOffer(a)).toEqual(answered);
  });

  test('goes out of a hold that the phone had asked for (RFC 6337 section 5.3)', () => {
    const [a, b] = twoLegs();
    connect(a, b, phone('m=audio 5000 RTP/AVP 0', 'a=sendonly'), phone('m=audio 7000 RTP/AVP 0', 'a=recvonly'));
    expect(audioOf(fullOffer(a))?.direction).toBe('sendrecv');
    expect(audioOf(fullOffer(b))?.direction).toBe('sendonly');
  });

  test('can be told its codecs and direction', () => {
    const [a] = twoLegs();
    const codecs = [{ payloadType: 8, name: 'PCMA', clockRate: 8000, channels: 1, fmtp: null }];
    expect(linesOf(fullOffer(a, { codecs, direction: 'inactive' }))).toEqual(['m=audio 10000 RTP/AVP 8', 'a=inactive']);
  });

  test('is none where codecPriority has nothing that we know', () => {
    expect(() => fullOffer(twoLegs(['amr'])[0])).toThrow(NoCommonMedia);
  });

  test('of a phone asked by us is relayed in the delayed way: its offer in the 200, the answer in the ACK', () => {
    const [a, b] = twoLegs();
    b.receiveOffer(phone('m=audio 7000 RTP/AVP 8 0'));
    relayOffer(b, a);
    a.receiveAnswer(phone('m=audio 5000 RTP/AVP 8'));
    expect(linesOf(relayAnswer(a, b))[0]).toBe('m=audio 10002 RTP/AVP 8');
    expect([...payloadMap(agreedCodecs(a), agreedCodecs(b))]).toEqual([[8, 8]]);
  });
});

describe('what was agreed', () => {
  test('maps each number that a phone sends to the one that the other expects', () => {
    const [a, b] = twoLegs();
    const offer = phone(
      'm=audio 5000 RTP/AVP 107 0 96',
      'a=rtpmap:107 opus/48000/2',
      'a=rtpmap:96 telephone-event/48000',
    );
    const answer = phone(
      'm=audio 7000 RTP/AVP 97 0 101',
      'a=rtpmap:97 opus/48000/2',
      'a=rtpmap:101 telephone-event/48000',
    );
    connect(a, b, offer, answer);
    expect(Object.fromEntries(payloadMap(agreedCodecs(a), agreedCodecs(b)))).toEqual({ 107: 97, 0: 0, 96: 101 });
    // B sends under the numbers of our offer, whatever it wants to receive.
    expect(Object.fromEntries(payloadMap(agreedCodecs(b), agreedCodecs(a)))).toEqual({ 107: 107, 0: 0, 96: 96 });
    expect(Object.fromEntries(clockRates(agreedCodecs(b)))).toEqual({ 107: 48000, 0: 8000, 96: 48000 });
  });

  test('stands in the order of the answer: its first codec is the one to expect', () => {
    const [a, b] = twoLegs();
    connect(a, b, plain, phone('m=audio 7000 RTP/AVP 8 0'));
    expect(agreedCodecs(b).map(({ name }) => name)).toEqual(['PCMA', 'PCMU']);
    expect(agreedCodecs(a).map(({ name }) => name)).toEqual(['PCMU', 'PCMA']);
  });

  test('is nothing before the answer', () => {
    const [a, b] = twoLegs();
    a.receiveOffer(plain);
    relayOffer(a, b);
    expect([agreedCodecs(a), agreedCodecs(b), payloadMap(agreedCodecs(a), agreedCodecs(b)).size]).toEqual([[], [], 0]);
  });

  test('has the first of two settings of one codec', () => {
    const [a, b] = twoLegs();
    const offer = phone(
      'm=audio 5000 RTP/AVP 97 98',
      'a=rtpmap:97 opus/48000/2',
      'a=fmtp:97 stereo=1',
      'a=rtpmap:98 opus/48000/2',
    );
    connect(a, b, offer, phone('m=audio 7000 RTP/AVP 97', 'a=rtpmap:97 opus/48000/2'));
    expect(agreedCodecs(a)).toMatchObject([{ payloadType: 97, receivedAs: 97, fmtp: 'stereo=1' }]);
  });
});
