import { describe, expect, test } from 'vitest';
import { fullOffer, NoCommonMedia, relayAnswer, relayOffer } from './negotiate.ts';
import { LegNegotiation } from './offer-answer.ts';
import { audioOf, formatSessionDescription, parseSessionDescription } from './session-description.ts';

/** First offers in the manner of phones and services as they are met in the field. */
const offers = {
  Linphone: `v=0
o=alice 2190 3141 IN IP4 192.0.2.20
s=Talk
c=IN IP4 192.0.2.20
t=0 0
a=ice-pwd:4f5c6c0d0f0a0b0c0d0e0f10
a=ice-ufrag:1b2c3d4e
a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics
a=record:off
m=audio 7078 RTP/AVP 96 97 98 0 8 18 101 99 100
a=rtpmap:96 opus/48000/2
a=fmtp:96 useinbandfec=1
a=rtpmap:97 speex/16000
a=fmtp:97 vbr=on
a=rtpmap:98 speex/8000
a=fmtp:98 vbr=on
a=fmtp:18 annexb=yes
a=rtpmap:101 telephone-event/48000
a=rtpmap:99 telephone-event/16000
a=rtpmap:100 telephone-event/8000
a=rtcp:50318
a=candidate:1 1 UDP 2130706303 192.0.2.20 7078 typ host
a=candidate:1 2 UDP 2130706302 192.0.2.20 50318 typ host
a=rtcp-fb:* trr-int 5000
a=rtcp-fb:* ccm tmmbr
m=video 9078 RTP/AVP 96
a=rtpmap:96 VP8/90000
`,
  'Linphone with AVPF': `v=0
o=bob 3120 1271 IN IP4 192.0.2.24
s=Talk
c=IN IP4 192.0.2.24
t=0 0
m=audio 7078 RTP/AVPF 96 0 8 101
a=rtpmap:96 opus/48000/2
a=fmtp:96 useinbandfec=1
a=rtpmap:101 telephone-event/8000
a=rtcp-fb:* trr-int 1000
a=rtcp-fb:* ccm tmmbr
`,
  MicroSIP: `v=0
o=- 3912345678 3912345678 IN IP4 192.0.2.21
s=pjmedia
b=AS:84
t=0 0
a=X-nat:0
m=audio 4000 RTP/AVP 8 0 101
c=IN IP4 192.0.2.21
b=TIAS:64000
a=rtcp:4001 IN IP4 192.0.2.21
a=sendrecv
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ssrc:1431655765 cname:0a1b2c3d4e5f6071
`,
  Yealink: `v=0
o=- 20123 20123 IN IP4 192.0.2.22
s=SDP data
c=IN IP4 192.0.2.22
t=0 0
m=audio 11780 RTP/AVP 9 0 8 18 101
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:18 G729/8000
a=fmtp:18 annexb=no
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv
`,
  Zoiper: `v=0
o=Zoiper 0 1712345678 IN IP4 192.0.2.23
s=Zoiper
c=IN IP4 192.0.2.23
t=0 0
m=audio 8000 RTP/AVP 106 9 0 8 3 101 98
a=rtpmap:106 opus/48000/2
a=fmtp:106 sprop-maxcapturerate=16000; minptime=20; useinbandfec=1
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=rtpmap:98 telephone-event/48000
a=fmtp:98 0-16
a=sendrecv
a=rtcp-mux
`,
  Twilio: `v=0
o=root 1234567890 1234567890 IN IP4 198.51.100.30
s=Twilio Media Gateway
c=IN IP4 198.51.100.30
t=0 0
m=audio 17432 RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=maxptime:150
a=sendrecv
`,
};

const browser = `v=0
o=mozilla 4962303333179871722 1 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0
a=msid-semantic: WMS *
m=audio 50000 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:0 1 udp 2122252543 8a7b6c5d.local 50000 typ host generation 0
a=ice-ufrag:Ab1c
a=ice-pwd:0123456789abcdefghijklmn
a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF
a=setup:actpass
a=mid:0
a=sendrecv
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=ssrc:3 cname:x
`;

const newLeg = (sessionId: string, localPort: number) =>
  new LegNegotiation({
    sessionId,
    localAddress: '203.0.113.1',
    localPort,
    codecPriority: ['opus', 'g722', 'pcmu', 'pcma'],
    transcodable: ['opus', 'g722', 'pcmu', 'pcma'],
  });

describe('first offers of phones', () => {
  test.each<[phone: keyof typeof offers, relayed: string, port: number]>([
    ['Linphone', '96 0 8 9 101 100', 7078],
    ['Linphone with AVPF', '96 0 8 9 101 110', 7078],
    ['MicroSIP', '0 8 111 9 101 110', 4000],
    ['Yealink', '9 0 8 111 101 110', 11780],
    ['Zoiper', '106 9 0 8 101 98', 8000],
    ['Twilio', '0 8 111 9 101 110', 17432],
  ])('%s is relayed with %s, what can be transcoded among them', (phone, relayed, port) => {
    const [a, b] = [newLeg('1', 10_000), newLeg('2', 10_002)];
    const offer = parseSessionDescription(offers[phone]);
    a.receiveOffer(offer);
    const text = formatSessionDescription(relayOffer(a, b));
    expect(audioOf(offer)?.port).toBe(port);
    expect(text).toContain(`m=audio 10002 RTP/AVP ${relayed}\r\n`);
    expect(text).not.toMatch(/192\.0\.2|198\.51\.100|candidate|ice-|rtcp|ssrc|b=/);
    expect(text.length).toBeLessThan(600);
  });

  test('Linphone names a control port of its own (RFC 3605)', () => {
    expect(audioOf(parseSessionDescription(offers.Linphone))).toMatchObject({ rtcpPort: 50318, rtcpAddress: null });
  });

  test('a browser over DTLS-SRTP is refused, as it cannot be heard without its keys', () => {
    const [a, b] = [newLeg('1', 10_000), newLeg('2', 10_002)];
    a.receiveOffer(parseSessionDescription(browser));
    expect(() => relayOffer(a, b)).toThrow(NoCommonMedia);
  });
});

describe('every phone can talk to every other', () => {
  const names = Object.keys(offers) as (keyof typeof offers)[];
  test.each(names.flatMap((caller) => names.map((callee) => [caller, callee] as const)))(
    '%s calls %s',
    (caller, callee) => {
      const [a, b] = [newLeg('1', 10_000), newLeg('2', 10_002)];
      const offer = parseSessionDescription(offers[caller]);
      a.receiveOffer(offer);
      const relayed = relayOffer(a, b);

      // The callee answers as an endpoint of its own kind would: with what its first offer shows that it can do.
      const able = new LegNegotiation({
        sessionId: '9',
        localAddress: '192.0.2.99',
        localPort: 6000,
        codecPriority: ['*'],
      });
      const own = audioOf(parseSessionDescription(offers[callee]))!;
      able.receiveOffer(relayed);
      const codecs = audioOf(relayed)!.codecs.filter(({ name, clockRate }) =>
        own.codecs.some((codec) => codec.name === name && codec.clockRate === clockRate),
      );
      b.receiveAnswer(able.makeAnswer({ ...own, codecs }));

      const answer = relayAnswer(b, a);
      expect(answer.media).toHaveLength(offer.media.length);
      expect(audioOf(answer)).toMatchObject({
        port: 10_000,
        direction: 'sendrecv',
        protocol: audioOf(offer)!.protocol,
      });
      expect(audioOf(answer)!.codecs.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['PCMU', 'telephone-event']),
      );
    },
  );
});

test('our own first offer is small enough for UDP beside the headers', () => {
  expect(formatSessionDescription(fullOffer(newLeg('18446744073709551615', 10_000))).length).toBeLessThan(600);
});
