import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../base/index.ts';
import type { SrtpSuite } from '../rtp/index.ts';
import { encryptionTerms, type SrtpPolicy } from './encryption.ts';
import { fullOffer, NoCommonMedia, ownAnswer, relayAnswer, relayOffer } from './negotiate.ts';
import { LegNegotiation } from './offer-answer.ts';
import {
  audioOf,
  formatSessionDescription,
  parseSessionDescription,
  SdpError,
  type SessionDescription,
} from './session-description.ts';

const lengths: Readonly<Record<SrtpSuite, number>> = {
  AES_CM_128_HMAC_SHA1_80: 30,
  AES_CM_128_HMAC_SHA1_32: 30,
  AEAD_AES_128_GCM: 28,
  AEAD_AES_256_GCM: 44,
};

const keyOf = (suite: SrtpSuite, fill: number) => new Uint8Array(lengths[suite]).fill(fill);

/** A line of a phone, whose key is nothing but `fill`. */
const line = (tag: number, suite: SrtpSuite, fill: number) =>
  `a=crypto:${tag} ${suite} inline:${Buffer.from(keyOf(suite, fill)).toString('base64')}`;

const cm80 = line(1, 'AES_CM_128_HMAC_SHA1_80', 1);
const cm32 = line(2, 'AES_CM_128_HMAC_SHA1_32', 2);
const gcm256 = line(4, 'AEAD_AES_256_GCM', 4);

function newLeg(policy: SrtpPolicy, { offered = false, seed = 1 } = {}): LegNegotiation {
  const encryption = encryptionTerms(policy, offered, new SeededRandom(seed));
  return new LegNegotiation({
    sessionId: '77',
    localAddress: '203.0.113.1',
    localPort: 10_000,
    codecPriority: ['*'],
    encryption,
  });
}

function phone(...media: readonly string[]): SessionDescription {
  return parseSessionDescription(['v=0', 'o=- 5 5 IN IP4 192.0.2.5', 'c=IN IP4 192.0.2.5', ...media].join('\n'));
}

/** Our answer to what a phone offers. */
function answerTo(leg: LegNegotiation, ...media: readonly string[]): readonly string[] {
  leg.receiveOffer(phone(...media));
  return wordsOf(ownAnswer(leg, null));
}

/** What a description says of its streams and of their encryption; keys are left out. */
function wordsOf(description: SessionDescription): readonly string[] {
  return formatSessionDescription(description)
    .split('\r\n')
    .filter((text) => /^(?:m=|a=crypto|a=rtcp-mux)/.test(text))
    .map((text) => text.replace(/inline:.*/, 'inline'));
}

const keysOf = (description: SessionDescription) => audioOf(description)!.crypto.map(({ key }) => key);

describe('what a phone offers', () => {
  test('encrypted by profile: the first line that we can go is taken, with its tag and a key of ours', () => {
    const leg = newLeg('optional');
    const unknown = 'a=crypto:9 AES_192_CM_HMAC_SHA1_80 inline:x';
    expect(answerTo(leg, 'm=audio 5000 RTP/SAVP 0', unknown, gcm256, cm80)).toEqual([
      'm=audio 10000 RTP/SAVP 0',
      'a=crypto:4 AEAD_AES_256_GCM inline',
    ]);
    expect(leg.srtp?.receive).toEqual({ suite: 'AEAD_AES_256_GCM', key: keyOf('AEAD_AES_256_GCM', 4) });
    expect(leg.srtp?.send.suite).toBe('AEAD_AES_256_GCM');
    expect(leg.srtp?.send.key).toHaveLength(44);
    expect(leg.srtp?.send.key).not.toEqual(leg.srtp?.receive.key);
  });

  test.each(['RTP/SAVP', 'RTP/SAVPF', 'RTP/AVP', 'RTP/AVPF'])('is answered in its profile %s (RFC 8643)', (profile) => {
    const leg = newLeg('optional');
    expect(answerTo(leg, `m=audio 5000 ${profile} 0`, cm32)).toEqual([
      `m=audio 10000 ${profile} 0`,
      'a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline',
    ]);
    expect(leg.srtp).not.toBeNull();
  });

  test('plain is answered plain', () => {
    const leg = newLeg('optional');
    expect(answerTo(leg, 'm=audio 5000 RTP/AVP 0')).toEqual(['m=audio 10000 RTP/AVP 0']);
    expect(leg.srtp).toBeNull();
  });

  test.each([
    ['required', ['m=audio 5000 RTP/AVP 0'], 'Encrypted Media Required'],
    ['off', ['m=audio 5000 RTP/SAVP 0', cm80], 'Encrypted Media Not Allowed'],
    ['required', ['m=audio 5000 RTP/SAVP 0', 'a=crypto:1 F8_128_HMAC_SHA1_80 inline:x'], null],
    ['optional', ['m=audio 5000 UDP/TLS/RTP/SAVP 0', 'a=fingerprint:sha-1 00'], null],
  ] as const)('under "%s" %j is refused: %s', (policy, media, reason) => {
    const leg = newLeg(policy);
    leg.receiveOffer(phone(...media));
    const refusals = [() => ownAnswer(leg, null), () => relayOffer(leg, newLeg('optional'))].map((attempt) => {
      try {
        return attempt();
      } catch (error) {
        return error;
      }
    });
    for (const refusal of refusals) expect(refusal).toBeInstanceOf(NoCommonMedia);
    expect(refusals).toMatchObject([{ reason }, { reason }]);
  });

  test('with optional keys is plain where encryption is off', () => {
    const leg = newLeg('off');
    expect(answerTo(leg, 'm=audio 5000 RTP/AVP 0', cm80)).toEqual(['m=audio 10000 RTP/AVP 0']);
    expect(leg.srtp).toBeNull();
  });

  test.each([
    ['off', ['m=audio 0 RTP/SAVP 0', 'm=audio 10000 RTP/AVP 0']],
    ['optional', ['m=audio 10000 RTP/SAVP 0', 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline', 'm=audio 0 RTP/AVP 0']],
    ['required', ['m=audio 10000 RTP/SAVP 0', 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline', 'm=audio 0 RTP/AVP 0']],
  ] as const)('on two lines, encrypted and plain: one is taken, as "%s" has it', (policy, answer) => {
    expect(answerTo(newLeg(policy), 'm=audio 5000 RTP/SAVP 0', cm80, 'm=audio 5002 RTP/AVP 0')).toEqual(answer);
  });

  test('again with the same key: ours stays too, and the answer is no news', () => {
    const leg = newLeg('optional');
    const offer = ['m=audio 5000 RTP/SAVP 0', cm80, cm32];
    answerTo(leg, ...offer);
    const [keys, version] = [leg.srtp, leg.local?.origin.version];
    expect(leg.repeats(phone(...offer))).toBe(true);
    answerTo(leg, ...offer);
    expect([leg.srtp, leg.local?.origin.version]).toEqual([keys, version]);
  });

  test('again with a choice: what is in use stays, wherever it stands', () => {
    const leg = newLeg('optional');
    answerTo(leg, 'm=audio 5000 RTP/SAVP 0', cm32);
    const before = leg.srtp;
    answerTo(leg, 'm=audio 5000 RTP/SAVP 0', gcm256, line(3, 'AES_CM_128_HMAC_SHA1_32', 9), cm32);
    expect(leg.srtp).toEqual(before);
    expect(leg.answer && wordsOf(leg.answer)[1]).toBe('a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline');
  });

  test('again with another key: ours stays', () => {
    const leg = newLeg('optional');
    answerTo(leg, 'm=audio 5000 RTP/SAVP 0', cm80);
    const before = leg.srtp;
    expect(leg.repeats(phone('m=audio 5000 RTP/SAVP 0', line(1, 'AES_CM_128_HMAC_SHA1_80', 9)))).toBe(false);
    answerTo(leg, 'm=audio 5000 RTP/SAVP 0', line(1, 'AES_CM_128_HMAC_SHA1_80', 9));
    expect(leg.srtp?.send).toEqual(before?.send);
    expect(leg.srtp?.receive.key).toEqual(keyOf('AES_CM_128_HMAC_SHA1_80', 9));
  });
});

describe('what we offer', () => {
  const threeLines = [
    'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline',
    'a=crypto:2 AEAD_AES_128_GCM inline',
    'a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline',
  ];
  const pcmu = { codecs: [{ payloadType: 0, name: 'PCMU', clockRate: 8000, channels: 1, fmtp: null }] };

  test.each([
    ['off', true, ['m=audio 10000 RTP/AVP 0']],
    ['optional', false, ['m=audio 10000 RTP/AVP 0']],
    ['optional', true, ['m=audio 10000 RTP/AVP 0', ...threeLines]],
    ['required', false, ['m=audio 10000 RTP/SAVP 0', ...threeLines]],
    ['required', true, ['m=audio 10000 RTP/SAVP 0', ...threeLines]],
  ] as const)('under "%s", keys offered %s', (policy, offered, words) => {
    expect(wordsOf(fullOffer(newLeg(policy, { offered }), pcmu))).toEqual(words);
  });

  test('has a key for each suite, and other keys on each leg', () => {
    const [one, other] = [newLeg('required'), newLeg('required', { seed: 2 })];
    const keys = [...keysOf(fullOffer(one, pcmu)), ...keysOf(fullOffer(other, pcmu))];
    expect(new Set(keys).size).toBe(6);
  });

  test('is answered by one of its lines', () => {
    const leg = newLeg('required');
    const offer = fullOffer(leg, pcmu);
    leg.receiveAnswer(phone('m=audio 5000 RTP/SAVP 0', line(2, 'AEAD_AES_128_GCM', 5)));
    expect(leg.srtp?.receive).toEqual({ suite: 'AEAD_AES_128_GCM', key: keyOf('AEAD_AES_128_GCM', 5) });
    expect(Buffer.from(leg.srtp!.send.key).toString('base64')).toBe(keysOf(offer)[1]);
  });

  test("may be answered with a number of the phone's own, which takes the line of its suite", () => {
    const leg = newLeg('required');
    const offer = fullOffer(leg, pcmu);
    leg.receiveAnswer(phone('m=audio 5000 RTP/SAVP 0', line(1, 'AES_CM_128_HMAC_SHA1_32', 5)));
    expect(leg.srtp?.send.suite).toBe('AES_CM_128_HMAC_SHA1_32');
    expect(Buffer.from(leg.srtp!.send.key).toString('base64')).toBe(keysOf(offer)[2]);
  });

  test('where it is optional, may be answered plain (RFC 8643)', () => {
    const leg = newLeg('optional', { offered: true });
    fullOffer(leg, pcmu);
    leg.receiveAnswer(phone('m=audio 5000 RTP/AVP 0'));
    expect(leg.srtp).toBeNull();
    expect(wordsOf(fullOffer(leg))).toEqual(['m=audio 10000 RTP/AVP 0']);
  });

  test.each([
    ['required', 'plain', ['m=audio 5000 RTP/AVP 0'], 'does not encrypt'],
    ['required', 'by another suite', ['m=audio 5000 RTP/SAVP 0', gcm256], 'does not encrypt'],
    ['optional', 'encrypted by another suite', ['m=audio 5000 RTP/SAVP 0', gcm256], 'not by a key that was offered'],
  ] as const)('under "%s", an answer that is %s is none', (policy, _, media, reason) => {
    const leg = newLeg(policy, { offered: true });
    fullOffer(leg, pcmu);
    expect(() => leg.receiveAnswer(phone(...media))).toThrow(SdpError);
    expect(() => leg.receiveAnswer(phone(...media))).toThrow(reason);
    expect(leg.phase).toBe('local-offer');
  });

  test('without keys takes none from the answer', () => {
    const leg = newLeg('optional');
    fullOffer(leg, pcmu);
    leg.receiveAnswer(phone('m=audio 5000 RTP/AVP 0', cm80));
    expect(leg.srtp).toBeNull();
  });

  test('in a session that goes on is the line that was taken, with the same key', () => {
    const leg = newLeg('optional', { offered: true });
    fullOffer(leg, pcmu);
    leg.receiveAnswer(phone('m=audio 5000 RTP/AVP 0', line(2, 'AEAD_AES_128_GCM', 5)));
    const before = leg.srtp;
    const again = fullOffer(leg, { direction: 'sendonly' });
    expect(wordsOf(again)).toEqual(['m=audio 10000 RTP/AVP 0', 'a=crypto:2 AEAD_AES_128_GCM inline']);
    leg.receiveAnswer(phone('m=audio 5000 RTP/AVP 0', line(2, 'AEAD_AES_128_GCM', 5)));
    expect(leg.srtp).toEqual(before);
  });

  test('to a phone that began the session is the line that we took of it', () => {
    const leg = newLeg('optional');
    answerTo(leg, 'm=audio 5000 RTP/SAVPF 0', gcm256, cm80);
    const before = leg.srtp;
    expect(wordsOf(fullOffer(leg))).toEqual(['m=audio 10000 RTP/SAVPF 0', 'a=crypto:4 AEAD_AES_256_GCM inline']);
    leg.rollback();
    expect(wordsOf(leg.repeatOffer())).toEqual(['m=audio 10000 RTP/SAVPF 0', 'a=crypto:4 AEAD_AES_256_GCM inline']);
    leg.receiveAnswer(phone('m=audio 5000 RTP/SAVPF 0', gcm256));
    expect(leg.srtp).toEqual(before);
  });

  test('is the same for every phone that it forks to, each with a key of its own', () => {
    const first = newLeg('required');
    fullOffer(first, pcmu);
    const second = first.fork();
    first.receiveAnswer(phone('m=audio 5000 RTP/SAVP 0', line(1, 'AES_CM_128_HMAC_SHA1_80', 5)));
    second.receiveAnswer(phone('m=audio 5000 RTP/SAVP 0', line(1, 'AES_CM_128_HMAC_SHA1_80', 6)));
    expect(first.srtp?.send).toEqual(second.srtp?.send);
    expect(first.srtp?.receive).not.toEqual(second.srtp?.receive);
  });
});

test('each leg of a call is encrypted by itself', () => {
  const [a, b] = [newLeg('optional'), newLeg('required', { seed: 2 })];
  a.receiveOffer(phone('m=audio 5000 RTP/AVP 0'));
  expect(wordsOf(relayOffer(a, b))[0]).toBe('m=audio 10000 RTP/SAVP 0');
  b.receiveAnswer(phone('m=audio 5000 RTP/SAVP 0', cm80));
  expect(wordsOf(relayAnswer(b, a))).toEqual(['m=audio 10000 RTP/AVP 0']);
  expect([a.srtp, b.srtp?.receive.suite]).toEqual([null, 'AES_CM_128_HMAC_SHA1_80']);
});

describe('one port for RTP and RTCP (RFC 5761)', () => {
  test('is accepted where the phone offers it, and then offered on', () => {
    const leg = newLeg('off');
    expect(answerTo(leg, 'm=audio 5000 RTP/AVP 0', 'a=rtcp-mux')).toEqual(['m=audio 10000 RTP/AVP 0', 'a=rtcp-mux']);
    expect(leg.rtcpMux).toBe(true);
    expect(wordsOf(fullOffer(leg))).toEqual(['m=audio 10000 RTP/AVP 0', 'a=rtcp-mux']);
    leg.receiveAnswer(phone('m=audio 5000 RTP/AVP 0'));
    expect(leg.rtcpMux).toBe(false);
    expect(wordsOf(fullOffer(leg))).toEqual(['m=audio 10000 RTP/AVP 0']);
  });

  test('is not offered by us, and not taken from an answer to that', () => {
    const leg = newLeg('off');
    expect(wordsOf(fullOffer(leg)).join()).not.toContain('rtcp-mux');
    leg.receiveAnswer(phone('m=audio 5000 RTP/AVP 0', 'a=rtcp-mux'));
    expect(leg.rtcpMux).toBe(false);
  });
});
