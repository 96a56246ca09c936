import { describe, expect, test } from 'vitest';
import { LegNegotiation } from './offer-answer.ts';
import { audioOf, parseSessionDescription, SdpError, type SessionDescription } from './session-description.ts';

const pcmu = { payloadType: 0, name: 'PCMU', clockRate: 8000, channels: 1, fmtp: null };
const pcma = { payloadType: 8, name: 'PCMA', clockRate: 8000, channels: 1, fmtp: null };
const opus = { payloadType: 111, name: 'opus', clockRate: 48000, channels: 2, fmtp: null };
const proposal = { codecs: [pcmu, pcma], direction: 'sendrecv', ptime: 20, maxptime: null } as const;

function newLeg(): LegNegotiation {
  return new LegNegotiation({ sessionId: '77', localAddress: '203.0.113.1', localPort: 10_000, codecPriority: ['*'] });
}

function phone(...media: readonly string[]): SessionDescription {
  return parseSessionDescription(['v=0', 'o=- 5 5 IN IP4 192.0.2.5', 'c=IN IP4 192.0.2.5', ...media].join('\n'));
}

/** The phone has offered `offer` and heard our answer. */
function negotiated(leg: LegNegotiation, offer: SessionDescription): void {
  leg.receiveOffer(offer);
  leg.makeAnswer(proposal);
}

const audioLine = 'm=audio 5000 RTP/AVP 0 8';
const versionOf = (description: SessionDescription | null) => description?.origin.version;

describe('the phases', () => {
  test('our offer and its answer', () => {
    const leg = newLeg();
    expect([leg.phase, leg.local, leg.remote, leg.answer]).toEqual(['stable', null, null, null]);
    const offer = leg.makeOffer(proposal);
    expect([leg.phase, leg.localOffer, leg.remoteOffer, leg.local]).toEqual(['local-offer', offer, null, null]);
    expect(leg.receiveAnswer(phone('m=audio 5000 RTP/AVP 0'))).toBe(true);
    expect([leg.phase, leg.localOffer, leg.local, leg.answer]).toEqual(['stable', null, offer, null]);
    expect(leg.remote).toMatchObject({ address: '192.0.2.5', port: 5000, codecs: [pcmu] });
  });

  test('their offer and our answer', () => {
    const leg = newLeg();
    const offer = phone(audioLine, 'm=video 5002 RTP/AVP 31');
    leg.receiveOffer(offer);
    expect([leg.phase, leg.remoteOffer, leg.localOffer, leg.remote]).toEqual(['remote-offer', offer, null, null]);
    const answer = leg.makeAnswer({ ...proposal, codecs: [pcma] });
    expect([leg.phase, leg.remoteOffer, leg.local, leg.answer]).toEqual(['stable', null, answer, answer]);
    expect(leg.remote).toEqual(audioOf(offer));
    expect(answer.media).toEqual([
      {
        kind: 'audio',
        protocol: 'RTP/AVP',
        address: '203.0.113.1',
        port: 10_000,
        rtcpPort: null,
        rtcpAddress: null,
        rtcpMux: false,
        crypto: [],
        direction: 'sendrecv',
        codecs: [pcma],
        ptime: 20,
        maxptime: null,
      },
      { kind: 'other', media: 'video', protocol: 'RTP/AVP', formats: '31', port: 0 },
    ]);
  });

  test('glare is refused in each of its forms (RFC 3261 section 14.2)', () => {
    const ours = newLeg();
    ours.makeOffer(proposal);
    expect(() => ours.receiveOffer(phone(audioLine))).toThrow('phase local-offer');
    expect(() => ours.makeOffer(proposal)).toThrow('phase local-offer');
    expect(() => ours.makeAnswer(proposal)).toThrow('phase local-offer');
    const theirs = newLeg();
    theirs.receiveOffer(phone(audioLine));
    expect(() => theirs.receiveOffer(phone(audioLine))).toThrow('phase remote-offer');
    expect(() => theirs.makeOffer(proposal)).toThrow('phase remote-offer');
    expect(() => theirs.receiveAnswer(phone(audioLine))).toThrow('phase remote-offer');
  });

  test('an answer to nothing is a defect', () => {
    expect(() => newLeg().receiveAnswer(phone(audioLine))).toThrow('phase stable');
    expect(() => newLeg().makeAnswer(proposal)).toThrow('phase stable');
  });

  test('an offer without audio cannot be answered, only rolled back', () => {
    const leg = newLeg();
    leg.receiveOffer(phone('m=audio 0 RTP/AVP 0'));
    expect(() => leg.makeAnswer(proposal)).toThrow('no audio');
    leg.rollback();
    expect(leg.phase).toBe('stable');
  });
});

describe('a refused offer', () => {
  test('leaves what was agreed (RFC 3261 section 14.1)', () => {
    const leg = newLeg();
    leg.makeOffer(proposal);
    leg.receiveAnswer(phone(audioLine));
    const before = [leg.local, leg.remote];
    leg.makeOffer({ ...proposal, direction: 'sendonly' });
    leg.rollback();
    expect([leg.local, leg.remote]).toEqual(before);
    leg.receiveOffer(phone('m=audio 6000 RTP/AVP 8'));
    leg.rollback();
    expect([leg.phase, leg.local, leg.remote]).toEqual(['stable', ...before]);
  });

  test('has used up its version, as the other side has seen it', () => {
    const leg = newLeg();
    expect(versionOf(leg.makeOffer(proposal))).toBe('1');
    leg.receiveAnswer(phone(audioLine));
    expect(versionOf(leg.makeOffer({ ...proposal, direction: 'sendonly' }))).toBe('2');
    leg.rollback();
    expect(versionOf(leg.makeOffer(proposal))).toBe('3');
  });
});

describe('the origin (RFC 3264 section 8)', () => {
  test('keeps its session id, and its version while the same is said', () => {
    const leg = newLeg();
    const offer = leg.makeOffer(proposal);
    leg.receiveAnswer(phone(audioLine));
    expect(leg.makeOffer(proposal)).toEqual(offer);
    leg.receiveAnswer(phone(audioLine));
    leg.receiveOffer(phone(audioLine, 'a=sendonly'));
    expect(leg.makeAnswer(proposal).origin).toEqual({ ...offer.origin, version: '2' });
  });
});

describe('an answer that we receive', () => {
  const offering = () => {
    const leg = newLeg();
    negotiated(leg, phone(audioLine, 'm=video 5002 RTP/AVP 31'));
    leg.makeOffer({ ...proposal, direction: 'sendonly' });
    return leg;
  };

  test.each<[string, readonly string[]]>([
    ['has too many media lines', [audioLine, 'm=video 0 RTP/AVP 31', 'm=image 0 udptl t38']],
    ['refuses the audio', ['m=audio 0 RTP/AVP 0', 'm=video 0 RTP/AVP 31']],
    ['has the audio in another place', ['m=video 0 RTP/AVP 31', audioLine]],
    ['has no codec that was offered', ['m=audio 5000 RTP/AVP 9', 'm=video 0 RTP/AVP 31']],
  ])('is malformed when it %s, and our offer waits on', (_, media) => {
    const leg = offering();
    const { remote } = leg;
    expect(() => leg.receiveAnswer(phone(...media))).toThrow(SdpError);
    expect([leg.phase, leg.remote]).toEqual(['local-offer', remote]);
    leg.rollback();
    expect(leg.phase).toBe('stable');
  });

  test('must not be short of a stream that was in use', () => {
    const leg = newLeg();
    negotiated(leg, phone('m=video 5002 RTP/AVP 31', audioLine));
    leg.makeOffer(proposal);
    expect(() => leg.receiveAnswer(phone('m=video 0 RTP/AVP 31'))).toThrow('1 media lines answer an offer of 2');
  });

  test('may leave out refused streams at the end, as some phones do', () => {
    const leg = offering();
    expect(leg.receiveAnswer(phone(audioLine))).toBe(true);
  });

  test('loses what the offer had not: codecs, and a direction that it does not allow (RFC 3264 section 6.1)', () => {
    const leg = offering();
    leg.receiveAnswer(phone('m=audio 5000 RTP/AVP 9 8', 'a=sendrecv', 'm=video 0 RTP/AVP 31'));
    expect(leg.remote).toMatchObject({ codecs: [pcma], direction: 'recvonly' });
  });

  test('counts the first time only (RFC 3261 section 13.2.1)', () => {
    const leg = offering();
    leg.receiveAnswer(phone('m=audio 5000 RTP/AVP 0'));
    expect(leg.receiveAnswer(phone('m=audio 6000 RTP/AVP 8'))).toBe(false);
    expect(leg.remote).toMatchObject({ port: 5000, codecs: [pcmu] });
  });
});

describe('our answer', () => {
  test('stays as it was given: asked again, the same is returned', () => {
    const leg = newLeg();
    leg.receiveOffer(phone(audioLine));
    const answer = leg.makeAnswer({ ...proposal, codecs: [pcmu] });
    expect(leg.makeAnswer({ ...proposal, codecs: [pcma], direction: 'inactive' })).toBe(answer);
    expect(leg.local).toBe(answer);
  });

  test('is given anew to a new offer', () => {
    const leg = newLeg();
    leg.receiveOffer(phone(audioLine));
    leg.makeAnswer({ ...proposal, codecs: [pcmu] });
    leg.receiveOffer(phone(audioLine));
    expect(audioOf(leg.makeAnswer({ ...proposal, codecs: [pcma] }))?.codecs).toEqual([pcma]);
  });

  test('to a hold only receives, and what we wish for stays a talk (RFC 3264 section 8.4)', () => {
    const leg = newLeg();
    leg.receiveOffer(phone(audioLine, 'a=sendonly'));
    expect(audioOf(leg.makeAnswer(proposal))?.direction).toBe('recvonly');
    expect(leg.wish).toBe('sendrecv');
  });
});

describe('the streams of our offers', () => {
  const places = (description: SessionDescription) => description.media.map(({ kind, port }) => [kind, port]);

  test('are the audio alone, as long as the phone has shown no others', () => {
    const leg = newLeg();
    expect(places(leg.makeOffer(proposal))).toEqual([['audio', 10_000]]);
  });

  test('keep the places that the phone gave them, all but the audio refused (RFC 3264 section 8)', () => {
    const leg = newLeg();
    negotiated(leg, phone('m=audio 5004 RTP/SAVP 0', audioLine, 'm=video 5002 RTP/AVP 31'));
    expect(places(leg.makeOffer(proposal))).toEqual([
      ['other', 0],
      ['audio', 10_000],
      ['other', 0],
    ]);
  });
});

describe('payload type numbers (RFC 3264 section 8.3.2)', () => {
  const numbersOf = (description: SessionDescription) =>
    audioOf(description)?.codecs.map(({ name, payloadType }) => `${name} ${payloadType}`);
  const offering = (leg: LegNegotiation, ...codecs: readonly (typeof opus | typeof pcmu)[]) => {
    const numbers = numbersOf(leg.makeOffer({ ...proposal, codecs }));
    leg.rollback();
    return numbers;
  };

  test('a codec keeps the number that it had first, another takes a free one', () => {
    const leg = newLeg();
    expect(offering(leg, opus)).toEqual(['opus 111']);
    expect(offering(leg, { ...opus, payloadType: 96 })).toEqual(['opus 111']);
    expect(offering(leg, { ...pcmu, name: 'speex', payloadType: 111 }, pcmu)).toEqual(['speex 96', 'PCMU 0']);
    expect(offering(leg, { ...pcmu, name: 'iLBC', payloadType: 96 })).toEqual(['iLBC 97']);
  });

  test('numbers that an answer of ours has used belong to their codecs as well', () => {
    const leg = newLeg();
    leg.receiveOffer(phone('m=audio 5000 RTP/AVP 111', 'a=rtpmap:111 opus/48000/2'));
    leg.makeAnswer({ ...proposal, codecs: [opus] });
    expect(offering(leg, { ...pcmu, name: 'speex', payloadType: 111 })).toEqual(['speex 96']);
    expect(offering(leg, { ...opus, payloadType: 120 })).toEqual(['opus 111']);
  });

  test('a codec for which no number is left is not offered', () => {
    const leg = newLeg();
    const many = Array.from({ length: 33 }, (_, index) => ({ ...pcmu, name: `X-${index}`, payloadType: 96 }));
    expect(offering(leg, ...many)).toHaveLength(32);
  });
});

describe('a fork', () => {
  test('of a caller whose offer is answered stands before that answer, as a session of its own', () => {
    const leg = newLeg();
    leg.receiveOffer(phone(audioLine));
    const first = leg.makeAnswer({ ...proposal, codecs: [pcmu] });
    const fork = leg.fork('78');
    expect([fork.phase, fork.local, fork.remote]).toEqual(['remote-offer', null, null]);
    const second = fork.makeAnswer({ ...proposal, codecs: [pcma] });
    expect(second.origin).toMatchObject({ sessionId: '78', version: '1' });
    expect([leg.answer, audioOf(second)?.codecs]).toEqual([first, [pcma]]);
  });

  test('of a pending offer is the same offer, pending', () => {
    const leg = newLeg();
    leg.receiveOffer(phone(audioLine));
    const fork = leg.fork('78');
    leg.makeAnswer(proposal);
    expect([fork.phase, fork.remoteOffer]).toEqual(['remote-offer', phone(audioLine)]);
  });

  test('of our own offer lets each early dialog answer it, and goes on from its version (RFC 3261 section 12.1)', () => {
    const leg = newLeg();
    const offer = leg.makeOffer(proposal);
    leg.receiveAnswer(phone('m=audio 5000 RTP/AVP 0'));
    const fork = leg.fork();
    expect(fork.localOffer).toEqual(offer);
    expect(fork.receiveAnswer(phone('m=audio 6000 RTP/AVP 8'))).toBe(true);
    expect([leg.remote?.port, fork.remote?.port]).toEqual([5000, 6000]);
    expect(fork.makeOffer({ ...proposal, direction: 'sendonly' }).origin).toMatchObject({
      sessionId: '77',
      version: '2',
    });
  });

  test('needs an offer', () => {
    expect(() => newLeg().fork('78')).toThrow('no offer');
  });
});
