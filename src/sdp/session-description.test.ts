import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AudioStream,
  audioOf,
  formatSessionDescription,
  isHeld,
  parseSessionDescription,
  SdpError,
} from './session-description.ts';

const minimal = ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0', 'm=audio 4000 RTP/AVP 0'];

function parse(...lines: readonly string[]) {
  return parseSessionDescription(`${lines.join('\r\n')}\r\n`);
}

function audio(...lines: readonly string[]): AudioStream {
  return audioOf(parse(...lines))!;
}

test('a description is read into origin, name and streams', () => {
  const description = parse(
    'v=0',
    'o=alice 2890844526 2890844527 IN IP4 host.atlanta.example.com',
    's=Talk',
    'c=IN IP4 192.0.2.101',
    't=0 0',
    'm=audio 49172 RTP/AVP 0 96 101',
    'a=rtpmap:0 PCMU/8000',
    'a=rtpmap:96 opus/48000/2',
    'a=fmtp:96 useinbandfec=1; minptime=10',
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-15',
    'a=ptime:20',
    'a=maxptime:60',
    'a=rtcp:53020 IN IP4 192.0.2.102',
    'a=sendonly',
    'm=video 51372 RTP/AVP 31 32',
  );
  expect(description).toEqual({
    origin: {
      username: 'alice',
      sessionId: '2890844526',
      version: '2890844527',
      address: 'host.atlanta.example.com',
    },
    name: 'Talk',
    media: [
      {
        kind: 'audio',
        protocol: 'RTP/AVP',
        address: '192.0.2.101',
        port: 49172,
        rtcpPort: 53020,
        rtcpAddress: '192.0.2.102',
        rtcpMux: false,
        crypto: [],
        direction: 'sendonly',
        codecs: [
          { payloadType: 0, name: 'PCMU', clockRate: 8000, channels: 1, fmtp: null },
          { payloadType: 96, name: 'opus', clockRate: 48000, channels: 2, fmtp: 'useinbandfec=1; minptime=10' },
          { payloadType: 101, name: 'telephone-event', clockRate: 8000, channels: 1, fmtp: '0-15' },
        ],
        ptime: 20,
        maxptime: 60,
      },
      { kind: 'other', media: 'video', protocol: 'RTP/AVP', formats: '31 32', port: 51372 },
    ],
  });
});

describe('reading is tolerant of', () => {
  test('bare LF, blanks at the ends and in rows, an empty first line, a NUL at the end', () => {
    const body = `\n${minimal.join(' \n').replace('audio 4000', 'audio  4000')}\n\n\0`;
    expect(parseSessionDescription(body)).toEqual(parse(...minimal));
  });

  test('bytes as well as text', () => {
    expect(parseSessionDescription(new TextEncoder().encode(minimal.join('\r\n')))).toEqual(parse(...minimal));
  });

  test('missing s= and t= lines', () => {
    const lines = minimal.filter((line) => !/^[st]=/.test(line));
    expect(parse(...lines)).toEqual(parse(...minimal));
  });

  test('lines and attributes that nobody knows', () => {
    expect(
      parse('v=0', 'y=odd', ...minimal.slice(1), 'a=x-what', 'garbage', 'a=ssrc:1 cname:x', 'a=ptime:abc'),
    ).toEqual(parse(...minimal));
  });

  test('blanks in the user name of o=, or none of it', () => {
    const withUser = (user: string) => parse('v=0', `o=${user} 1 1 in ip4 192.0.2.1`, ...minimal.slice(2)).origin;
    expect(withUser('My SIP phone').username).toBe('My_SIP_phone');
    expect(withUser('').username).toBe('-');
    expect(withUser('x').address).toBe('192.0.2.1');
  });

  test('codec names in lower case, which come out as registered', () => {
    const { codecs } = audio(
      ...minimal.slice(0, 5),
      'm=audio 4000 RTP/AVP 8 97',
      'a=rtpmap:8 pcma/8000',
      'a=rtpmap: 97 OPUS/48000/2',
    );
    expect(codecs.map(({ name }) => name)).toEqual(['PCMA', 'opus']);
  });

  test('a profile in lower case', () => {
    expect(audio(...minimal.slice(0, 5), 'm=audio 4000 rtp/avp 0').protocol).toBe('RTP/AVP');
  });
});

describe('static payload types without rtpmap are filled in (RFC 3551 section 6)', () => {
  test('and keep their fmtp', () => {
    const { codecs } = audio(...minimal.slice(0, 5), 'm=audio 4000 RTP/AVP 18 9', 'a=fmtp:18 annexb=no');
    expect(codecs).toEqual([
      { payloadType: 18, name: 'G729', clockRate: 8000, channels: 1, fmtp: 'annexb=no' },
      { payloadType: 9, name: 'G722', clockRate: 8000, channels: 1, fmtp: null },
    ]);
  });

  test('dynamic ones without rtpmap, numbers above 127 and repeated ones are left out', () => {
    const { codecs } = audio(...minimal.slice(0, 5), 'm=audio 4000 RTP/AVP 96 0 200 x 0', 'a=rtpmap:200 opus/48000/2');
    expect(codecs.map(({ payloadType }) => payloadType)).toEqual([0]);
  });
});

describe('addresses', () => {
  test('a c= line of the stream wins over that of the session', () => {
    expect(audio(...minimal, 'c=IN IP4 192.0.2.9').address).toBe('192.0.2.9');
    expect(audio(...minimal).address).toBe('192.0.2.1');
  });

  test('IPv6 is read and written', () => {
    const lines = minimal.map((line) => line.replace('IP4 192.0.2.1', 'IP6 2001:db8::1'));
    expect(audio(...lines).address).toBe('2001:db8::1');
    expect(formatSessionDescription(parse(...lines))).toContain('c=IN IP6 2001:db8::1\r\n');
  });

  test.each(['224.2.1.1/127', '255.255.255.255', 'media.example.com'])('%s makes the stream unusable', (address) => {
    const description = parse(...minimal, `c=IN IP4 ${address}`);
    expect(description.media).toEqual([
      { kind: 'other', media: 'audio', protocol: 'RTP/AVP', formats: '0', port: 4000 },
    ]);
  });
});

describe('direction (RFC 3264 section 5.1)', () => {
  const [before, after] = [minimal.slice(0, 5), minimal.slice(5)];

  test('of the stream wins over that of the session, and sendrecv is the default', () => {
    expect(audio(...minimal).direction).toBe('sendrecv');
    expect(audio(...before, 'a=sendonly', ...after).direction).toBe('sendonly');
    expect(audio(...before, 'a=sendonly', ...after, 'a=inactive ').direction).toBe('inactive');
  });

  test.each([
    ['sendrecv', 'sendonly'],
    ['sendonly', 'sendonly'],
    ['recvonly', 'inactive'],
    ['inactive', 'inactive'],
  ])('%s with c=0.0.0.0 is the hold of RFC 2543 and reads as %s', (stated, read) => {
    const stream = audio(...minimal, 'c=IN IP4 0.0.0.0', `a=${stated}`);
    expect([stream.direction, stream.address, isHeld(stream)]).toEqual([read, '0.0.0.0', true]);
  });

  test('only who does not want to hear holds', () => {
    expect(['sendrecv', 'recvonly', 'sendonly', 'inactive'].map((d) => isHeld(audio(...minimal, `a=${d}`)))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });
});

describe('only one stream is carried:', () => {
  const kinds = (...media: readonly string[]) => parse(...minimal.slice(0, 5), ...media).media.map(({ kind }) => kind);

  test('the first usable audio stream', () => {
    expect(
      kinds('m=video 4002 RTP/AVP 31', 'm=audio 0 RTP/AVP 0', 'm=audio 4004 RTP/AVP 0', 'm=audio 4006 RTP/AVP 8'),
    ).toEqual(['other', 'other', 'audio', 'other']);
  });

  test('also one with feedback, without what would be fed back (RFC 4585)', () => {
    const description = parse(...minimal.slice(0, 5), 'm=audio 4000 rtp/avpf 0', 'a=rtcp-fb:* trr-int 5000');
    expect(audioOf(description)?.protocol).toBe('RTP/AVPF');
    expect(formatSessionDescription(description)).toMatch(/m=audio 4000 RTP\/AVPF 0\r\na=rtpmap:.*\r\na=sendrecv\r\n$/);
  });

  test.each(['RTP/SAVP', 'RTP/SAVPF', 'UDP/TLS/RTP/SAVPF', 'TCP/RTP-X/AVP'])('not one of profile %s', (profile) => {
    expect(parse(...minimal.slice(0, 5), `m=audio 4000 ${profile} 0 8`).media).toEqual([
      { kind: 'other', media: 'audio', protocol: profile, formats: '0 8', port: 4000 },
    ]);
  });

  test('not one whose codecs cannot be named, nor one of several port pairs', () => {
    expect(kinds('m=audio 4000 RTP/AVP 96', 'm=audio 4002/2 RTP/AVP 0', 'm=audio 4004/1 RTP/AVP 0')).toEqual([
      'other',
      'other',
      'audio',
    ]);
  });
});

describe('no sense can be made of', () => {
  test.each<[string, readonly string[]]>([
    ['an empty body', []],
    ['a body without v=', minimal.slice(1)],
    ['another version', ['v=1', ...minimal.slice(1)]],
    ['a body without o=', ['v=0', ...minimal.slice(2)]],
    ['a mangled o=', ['v=0', 'o=- one 1 IN IP4 192.0.2.1', ...minimal.slice(2)]],
    ['a body without m=', minimal.slice(0, 5)],
    ['a port above 65535', [...minimal, 'm=video 65536 RTP/AVP 31']],
    ['a port that is none', [...minimal.slice(0, 5), 'm=audio http RTP/AVP 0']],
    ['a negative port', [...minimal.slice(0, 5), 'm=audio -1 RTP/AVP 0']],
    ['an m= line that breaks off', [...minimal.slice(0, 5), 'm=audio 4000']],
    ['audio without any c=', minimal.filter((line) => !line.startsWith('c='))],
    ['33 media lines', [...minimal, ...Array.from({ length: 32 }, () => 'm=video 0 RTP/AVP 31')]],
    ['64 KiB and more', [...minimal, `a=x:${'x'.repeat(65_536)}`]],
  ])('%s', (_, lines) => {
    expect(() => parse(...lines)).toThrow(SdpError);
  });

  test('whatever the bytes, a description comes out or an SdpError', () => {
    const line = fc.constantFrom(...minimal, 'a=rtpmap:', 'a=fmtp:0', 'm=', 'o=', 'c=', 'a=rtcp:x', 'a=rtpmap:0 /0/0');
    const text = fc.array(fc.oneof(line, fc.string({ unit: 'binary' })), { maxLength: 20 });
    fc.assert(
      fc.property(text, (lines) => {
        try {
          const { media } = parse(...lines);
          expect(media.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(SdpError);
        }
      }),
    );
  });
});

describe('writing', () => {
  test('is anew, with CRLF and only what the stream says', () => {
    const description = parse(
      ...minimal.slice(0, 5),
      'b=AS:80',
      'a=ice-ufrag:x',
      'm=audio 4000 RTP/AVP 8 101',
      'a=candidate:1 1 UDP 1 192.0.2.7 4000 typ host',
      'a=rtcp-mux',
      'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x',
      'a=rtpmap:101 telephone-event/8000',
      'a=fmtp:101 0-16',
      'a=ssrc:1 cname:x',
      'm=video 0 RTP/AVP 99',
    );
    expect(formatSessionDescription(description)).toBe(
      [
        'v=0',
        'o=- 1 1 IN IP4 192.0.2.1',
        's=-',
        'c=IN IP4 192.0.2.1',
        't=0 0',
        'm=audio 4000 RTP/AVP 8 101',
        'a=rtpmap:8 PCMA/8000',
        'a=rtpmap:101 telephone-event/8000',
        'a=fmtp:101 0-16',
        'a=sendrecv',
        'a=rtcp-mux',
        'm=video 0 RTP/AVP 99',
        '',
      ].join('\r\n'),
    );
  });
});
