import { describe, expect, test } from 'vitest';
import { SeededRandom, VirtualClock } from '../../base/index.ts';
import { Authorization, Headers, SipRequest, WwwAuthenticate } from '../message/index.ts';
import {
  type AuthOutcome,
  answerChallenge,
  DigestAuthenticator,
  type DigestOptions,
  digestResponse,
  digestSecrets,
  ha1,
} from './digest.ts';

describe('the examples of the RFCs', () => {
  const nonce = '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v';
  const cnonce = 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ';

  test.each([
    ['md5', '8ca523f5e9506fed4657c9700eebdbec'],
    ['sha-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
  ] as const)('RFC 7616 §3.9.1, %s', (algorithm, response) => {
    const secret = ha1(algorithm, 'Mufasa', 'http-auth@example.org', 'Circle of Life');
    const qop = { nc: '00000001', cnonce };
    expect(digestResponse({ algorithm, ha1: secret, method: 'GET', uri: '/dir/index.html', nonce, qop })).toBe(
      response,
    );
  });

  const old = {
    algorithm: 'md5',
    method: 'GET',
    uri: '/dir/index.html',
    nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093',
  } as const;

  test('RFC 2617 §3.5', () => {
    const secret = ha1('md5', 'Mufasa', 'testrealm@host.com', 'Circle Of Life');
    expect(secret).toBe('939e7578ed9e3c518a452acee763bce9');
    const qop = { nc: '00000001', cnonce: '0a4f113b' };
    expect(digestResponse({ ...old, ha1: secret, qop })).toBe('6629fae49393a05397450978507c4ef1');
  });

  test('RFC 2069 §2.4, as corrected by erratum 749', () => {
    const secret = ha1('md5', 'Mufasa', 'testrealm@host.com', 'CircleOfLife');
    expect(digestResponse({ ...old, ha1: secret, qop: null })).toBe('1949323746fe6a43ef61f9606e7febea');
  });
});

const uri = 'sip:sip-pbx';
const phone = { username: '1001', password: 'secret' };
const home = '198.51.100.7';

function setUp(options: Partial<DigestOptions> = {}) {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const known = new Map([
    ['1001', digestSecrets('1001', 'sip-pbx', 'secret')],
    ['1002@sip-pbx', digestSecrets('1002@sip-pbx', 'sip-pbx', 'secret')],
  ]);
  const authenticator = new DigestAuthenticator({
    realm: 'sip-pbx',
    algorithms: ['md5', 'sha-256'],
    key: new Uint8Array(32).fill(7),
    clock,
    random,
    secretsOf: (username) => known.get(username),
    ...options,
  });
  const send = (values: readonly string[], from = home) => {
    const headers = new Headers(values.map((value) => ['Authorization', value] as const));
    return authenticator.authenticate(new SipRequest({ method: 'REGISTER', uri, headers }), from, 'Authorization');
  };
  const challenges = (from = home) => challengesOf(send([], from));
  const answer = (to: readonly string[], { nc = 1, account = phone } = {}) =>
    answerChallenge(to, { method: 'REGISTER', uri }, account, random, nc)!;
  return { clock, authenticator, send, challenges, answer };
}

function challengesOf(outcome: AuthOutcome): readonly string[] {
  if (outcome.kind !== 'challenged') throw new Error('not challenged');
  return outcome.challenges;
}

const reasonOf = (outcome: AuthOutcome) => (outcome.kind === 'accepted' ? 'accepted' : outcome.reason);
const isStale = (outcome: AuthOutcome) =>
  challengesOf(outcome).map((challenge) => WwwAuthenticate.parse(challenge).params.get('stale') ?? null);

/** Credentials with parameters changed, or left out by `null`. */
function altered(credentials: string, changes: Readonly<Record<string, string | null>>): string {
  const params = new Map(Authorization.parse(credentials).params);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) params.delete(name);
    else params.set(name, value);
  }
  return Authorization.format({ scheme: 'Digest', params });
}

type Fields = readonly (readonly [name: string, value: string])[];

/** The algorithms that a request with these header fields is challenged for. */
function asked(fields: Fields, algorithms: DigestOptions['algorithms'] = ['sha-256', 'md5']) {
  const request = new SipRequest({ method: 'REGISTER', uri, headers: new Headers(fields) });
  const outcome = setUp({ algorithms }).authenticator.authenticate(request, home, 'Authorization');
  return challengesOf(outcome).map((value) => WwwAuthenticate.parse(value).params.get('algorithm'));
}

describe('a challenge', () => {
  test('comes for each algorithm, the strongest first (RFC 8760 §2.3)', () => {
    const { send } = setUp();
    const outcome = send([]);
    expect(outcome).toMatchObject({ kind: 'challenged', reason: 'no credentials', username: null });
    expect(challengesOf(outcome).map((text) => text.replace(/[0-9a-f]{56}/, 'N'))).toEqual([
      'Digest realm="sip-pbx", nonce="N", algorithm=SHA-256, qop="auth"',
      'Digest realm="sip-pbx", nonce="N", algorithm=MD5, qop="auth"',
    ]);
  });

  test('never has the nonce of another', () => {
    const { challenges } = setUp();
    expect(challenges()[0]).not.toBe(challenges()[0]);
  });

  test('offers only what the configuration lists', () => {
    const { challenges, send } = setUp({ algorithms: ['sha-256'] });
    expect(challenges()).toHaveLength(1);
    const downgraded = challenges()[0]!.replace('SHA-256', 'MD5');
    const md5 = answerChallenge([downgraded], { method: 'REGISTER', uri }, phone, new SeededRandom(2))!;
    expect(reasonOf(send([md5]))).toBe('no credentials');
  });

  test('is for MD5 alone to a phone that gives up when it reads of SHA-256, but never where MD5 is not wanted', () => {
    const baresip: Fields = [['User-Agent', 'baresip v1.0.0 (x86_64/linux)']];
    expect(asked(baresip, ['sha-256', 'md5'])).toEqual(['MD5']);
    expect(asked(baresip, ['sha-256'])).toEqual(['SHA-256']);
  });

  test('goes by the Via of the phone, the last, not by those of proxies', () => {
    const via = (branch: string) => ['Via', `SIP/2.0/UDP 192.0.2.1;branch=${branch}`] as const;
    const [sipp, proxy] = [via('z9hG4bK-8124-1-0'), via('z9hG4bK5cb.f685337f.0')];
    expect(asked([proxy, sipp])).toEqual(['MD5']);
    expect(asked([sipp, proxy])).toEqual(['SHA-256', 'MD5']);
  });
});

describe('credentials', () => {
  test.each([0, 1])('with the password are accepted, whichever algorithm is chosen: %i', (index) => {
    const { challenges, answer, send } = setUp();
    expect(send([answer([challenges()[index]!])])).toEqual({ kind: 'accepted', username: '1001' });
  });

  test.each([
    ['a wrong password', { username: '1001', password: 'wrong' }],
    ['an unknown user', { username: '9999', password: 'secret' }],
  ])('with %s fail, and the answer does not say which', (_, account) => {
    const { challenges, answer, send } = setUp();
    const outcome = send([answer(challenges(), { account })]);
    expect(outcome).toMatchObject({ reason: 'failed', username: account.username });
    expect(isStale(outcome)).toEqual([null, null]);
    expect(Object.keys(outcome)).toEqual(['kind', 'reason', 'username', 'response', 'challenges']);
  });

  test('for another method fail', () => {
    const { challenges, authenticator } = setUp();
    const invite = answerChallenge(challenges(), { method: 'INVITE', uri }, phone, new SeededRandom(3))!;
    const request = new SipRequest({ method: 'REGISTER', uri, headers: new Headers([['Authorization', invite]]) });
    expect(reasonOf(authenticator.authenticate(request, home, 'Authorization'))).toBe('failed');
  });

  test('may name another digest-uri than the Request-URI', () => {
    const { challenges, send } = setUp();
    const other = answerChallenge(
      challenges(),
      { method: 'REGISTER', uri: 'sip:192.0.2.1:5060' },
      phone,
      new SeededRandom(3),
    )!;
    expect(reasonOf(send([other]))).toBe('accepted');
  });

  test('without algorithm are MD5 (RFC 7616 §3.4)', () => {
    const { challenges, answer, send } = setUp();
    const md5 = answer([challenges()[1]!]);
    expect(reasonOf(send([altered(md5, { algorithm: null })]))).toBe('accepted');
  });

  test('may write the response in upper case', () => {
    const { challenges, answer, send } = setUp();
    const right = answer(challenges());
    const response = Authorization.parse(right).params.get('response')!.toUpperCase();
    expect(reasonOf(send([altered(right, { response })]))).toBe('accepted');
  });

  test.each([
    ['another realm', { realm: 'elsewhere' }],
    ['an empty nonce', { nonce: '' }],
    ['an empty response', { response: '' }],
    ['no user', { username: null }],
    ['a session variant', { algorithm: 'SHA-256-sess' }],
    ['an unknown algorithm', { algorithm: 'constructor' }],
    ['a hashed user name', { userhash: 'true' }],
    ['protection of the body', { qop: 'auth-int' }],
    ['qop without nonce count', { nc: null }],
    ['a nonce count that is no number', { nc: 'first' }],
    ['qop without cnonce', { cnonce: null }],
  ])('with %s are none', (_, changes) => {
    const { challenges, answer, send } = setUp();
    const outcome = send([altered(answer(challenges()), changes)]);
    expect(outcome).toMatchObject({ reason: 'no credentials', username: null });
    expect(isStale(outcome)).toEqual([null, null]);
  });

  test.each(['Basic MTAwMTpzZWNyZXQ=', 'Bearer abc', 'Digest', 'Digest =', 'Digest username="1001'])(
    'that are none of ours or broken are none: %s',
    (value) => {
      expect(reasonOf(setUp().send([value]))).toBe('no credentials');
    },
  );

  test('of our realm are found among others, and the stronger of two counts', () => {
    const { challenges, answer, send } = setUp();
    const [sha256, md5] = challenges();
    const foreign = altered(answer([sha256!]), { realm: 'elsewhere' });
    const wrong = answer([md5!], { account: { username: '1001', password: 'wrong' } });
    expect(reasonOf(send([foreign, wrong, answer([sha256!])]))).toBe('accepted');
  });

  test('are looked for in the header that belongs to the role', () => {
    const { challenges, answer, authenticator } = setUp();
    const headers = new Headers([['Proxy-Authorization', answer(challenges())]]);
    const request = new SipRequest({ method: 'REGISTER', uri, headers });
    expect(reasonOf(authenticator.authenticate(request, home, 'Authorization'))).toBe('no credentials');
    expect(reasonOf(authenticator.authenticate(request, home, 'Proxy-Authorization'))).toBe('accepted');
  });

  test('may carry user@realm where the secret of that name is known; the user is the part before it', () => {
    const { challenges, answer, send } = setUp();
    const account = { username: '1002@sip-pbx', password: 'secret' };
    expect(send([answer(challenges(), { account })])).toEqual({ kind: 'accepted', username: '1002' });
  });
});

describe('a nonce', () => {
  test('of another address is stale, which is no failure', () => {
    const { challenges, answer, send } = setUp();
    const outcome = send([answer(challenges('203.0.113.9'))]);
    expect(outcome).toMatchObject({ reason: 'stale', username: '1001' });
    expect(isStale(outcome)).toEqual(['true', 'true']);
  });

  test.each(['unknown', 'f'.repeat(56), '0'.repeat(56)])('that we never made is stale: %s', (nonce) => {
    const { answer, challenges, send } = setUp();
    expect(reasonOf(send([altered(answer(challenges()), { nonce })]))).toBe('stale');
  });

  test('is good for its lifetime and stale afterwards', () => {
    const { clock, challenges, answer, send } = setUp({ nonceLifetimeMs: 1000 });
    const given = challenges();
    clock.advance(999);
    expect(reasonOf(send([answer(given)]))).toBe('accepted');
    clock.advance(1);
    expect(reasonOf(send([answer(given, { nc: 2 })]))).toBe('stale');
  });

  test('survives a restart with the same key, and no other', () => {
    const given = setUp().challenges();
    const { answer, send } = setUp();
    expect(reasonOf(send([answer(given)]))).toBe('accepted');
    expect(reasonOf(setUp({ key: new Uint8Array(32) }).send([answer(given)]))).toBe('stale');
  });

  test('serves many requests, each with its own count; a repeated count is stale (RFC 7616 §3.4)', () => {
    const { challenges, answer, send } = setUp();
    const given = challenges();
    for (const nc of [1, 2, 4, 3]) expect(reasonOf(send([answer(given, { nc })])), `${nc}`).toBe('accepted');
    for (const nc of [1, 2, 3, 4]) {
      const outcome = send([answer(given, { nc })]);
      expect(outcome).toMatchObject({ reason: 'stale', username: '1001' });
    }
  });

  test('keeps its count for the phone when a stranger guesses the password', () => {
    const { challenges, answer, send } = setUp();
    const given = challenges();
    const guess = { nc: 900, account: { username: '1001', password: 'guess' } };
    expect(reasonOf(send([answer(given, guess)]))).toBe('failed');
    expect(reasonOf(send([answer(given, { nc: 1 })]))).toBe('accepted');
  });

  test('works once without qop (RFC 2069), and only with MD5', () => {
    const { challenges, send, answer } = setUp();
    const plain = (challenge: string) => answer([challenge.replace(', qop="auth"', '')]);
    const [sha256, md5] = challenges();
    expect(reasonOf(send([plain(sha256!)]))).toBe('no credentials');
    expect(reasonOf(send([plain(md5!)]))).toBe('accepted');
    expect(reasonOf(send([plain(md5!)]))).toBe('stale');
    expect(reasonOf(send([answer([md5!])]))).toBe('stale');
  });
});

describe('answering a challenge', () => {
  const request = { method: 'INVITE', uri: 'sip:+49301234@trunk.example' };
  const params = (challenges: readonly string[]) => {
    const answer = answerChallenge(challenges, request, phone, new SeededRandom(1), 10);
    return answer === null ? null : Object.fromEntries(Authorization.parse(answer).params);
  };

  test('takes the first that we understand (RFC 8760 §2.4)', () => {
    const challenges = [
      'Digest realm="a", nonce="n", algorithm=SHA-512-256, qop="auth"',
      'Digest realm="a", nonce="n", algorithm=SHA-256, qop="auth-int"',
      'Digest realm="a", nonce="n", algorithm=MD5, qop="auth,auth-int", opaque="o"',
      'Digest realm="a", nonce="n", algorithm=SHA-256, qop="auth"',
    ];
    expect(params(challenges)).toMatchObject({
      algorithm: 'MD5',
      qop: 'auth',
      nc: '0000000a',
      opaque: 'o',
      uri: request.uri,
    });
  });

  test('writes algorithm, qop and nc without quotes, the rest with them', () => {
    const answer = answerChallenge(
      ['Digest realm="a", nonce="n", algorithm=MD5, qop="auth"'],
      request,
      phone,
      new SeededRandom(1),
    );
    expect(answer).toMatch(
      /^Digest username="1001", realm="a", nonce="n", uri="sip:\+49301234@trunk\.example", response="[0-9a-f]{32}", algorithm=MD5, cnonce="[a-z2-7]{20}", qop=auth, nc=00000001$/,
    );
  });

  test('has no qop where none was offered, and no algorithm', () => {
    expect(Object.keys(params(['Digest realm="a", nonce="n"'])!)).toEqual([
      'username',
      'realm',
      'nonce',
      'uri',
      'response',
    ]);
  });

  test.each([
    'Basic realm="a"',
    'Digest realm="a"',
    'Digest nonce="n"',
    'Digest realm="a", nonce="n", algorithm=toString',
    '',
  ])('is impossible for %j', (challenge) => {
    expect(params([challenge])).toBeNull();
  });
});
