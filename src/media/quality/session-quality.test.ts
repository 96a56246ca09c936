import { expect, test } from 'vitest';
import { SeededRandom, silentLog, VirtualClock } from '../../base/index.ts';
import { formatRtcp, formatRtp, ntpShort, ntpTime } from '../../rtp/index.ts';
import type { AgreedCodec } from '../../sdp/index.ts';
import type { MediaLeg, MediaSessionSpec, MediaSummary } from '../engine.ts';
import { LocalEngine } from '../local-engine.ts';
import { MemorySockets } from '../relay/memory-sockets.ts';
import { PlainRelay } from '../relay/plain-relay.ts';
import type { QualityReport } from './quality-monitor.ts';
import { SessionQuality } from './session-quality.ts';
import type { OneWayFinding } from './silence-watch.ts';

const pcmu: AgreedCodec = { payloadType: 0, receivedAs: 0, name: 'PCMU', clockRate: 8000, channels: 1, fmtp: null };

/** An engine with a session of two phones, of which the first can speak. */
function setUp() {
  const clock = new VirtualClock();
  const random = new SeededRandom(3);
  const sockets = new MemorySockets(clock, random);
  const relay = new PlainRelay({ sockets, clock });
  const engine = new LocalEngine({
    relay,
    name: 'test',
    ports: { start: 10_000, end: 10_100 },
    clock,
    random,
    jitter: { minMs: 20, maxMs: 200 },
    log: silentLog,
  });
  const phone = sockets.open({ address: '198.51.100.1', port: 4000 }, () => {})!;
  const leg = (port: number): MediaLeg => ({
    port: engine.lease('192.0.2.10')!,
    remote: { address: '198.51.100.1', port, rtcpPort: port + 1 },
    signalling: '198.51.100.1',
    send: true,
    codecs: [pcmu],
    ptime: null,
  });
  const spec: MediaSessionSpec = { id: 'call-1', legs: [leg(4000), leg(5000)], idleTimeout: null, answered: false };
  const reports: QualityReport[] = [];
  const findings: OneWayFinding[] = [];
  const user = {
    onIdle: () => {},
    onQuality: (report: QualityReport) => void reports.push(report),
    onOneWay: (finding: OneWayFinding) => void findings.push(finding),
  };
  let sequenceNumber = 0;
  const speak = (ms: number) => {
    for (let i = 0; i < ms / 20; i++) {
      const timestamp = 160 * ++sequenceNumber;
      const payload = new Uint8Array(160);
      phone.send(formatRtp({ payloadType: 0, sequenceNumber, timestamp, ssrc: 1, payload }), spec.legs[0].port);
      clock.advance(20);
    }
  };
  return { clock, engine, spec, user, reports, findings, speak };
}

test('a session is measured from its answer to its end, and the rest of it counts in the summary', async () => {
  const { clock, engine, spec, user, reports, findings, speak } = setUp();
  const session = engine.start(spec, user);
  speak(6000);
  expect([reports.length, findings.length]).toEqual([0, 0]);
  session.update({ ...spec, answered: true });
  speak(5000);
  expect(reports).toMatchObject([{ legs: [{ received: { packets: 250 } }, { received: null }] }]);
  expect(findings).toMatchObject([{ leg: 1, reason: 'no_packets' }]);
  speak(1000);
  const ended: MediaSummary[] = [];
  session.end((summary) => ended.push(summary));
  session.end((summary) => ended.push(summary));
  expect(ended[0]?.legs).toMatchObject([
    { counters: { packetsReceived: 600 }, quality: { codec: 'PCMU', received: { mos: expect.closeTo(4.41, 2) } } },
    { quality: { received: null } },
  ]);
  expect(ended[1]).toEqual(ended[0]);
  session.update({ ...spec, answered: true });
  clock.advance(20_000);
  expect([reports.length, findings.length]).toEqual([1, 1]);
  await engine.close();
});

test('a session that was never answered has no quality', async () => {
  const { engine, spec, user, speak } = setUp();
  const session = engine.start(spec, user);
  speak(1000);
  session.end(({ legs }) => expect(legs).toMatchObject([{ quality: null }, { quality: null }]));
  expect(engine.workers()).toMatchObject([{ sessions: 0 }]);
  await engine.close();
});

test('nothing waits any more when the engine is closed', async () => {
  const { clock, engine, spec, user, reports } = setUp();
  engine.start({ ...spec, answered: true }, user);
  await engine.close();
  clock.advance(20_000);
  expect(reports).toEqual([]);
});

test('reports of our own measure the round trip too', () => {
  const { clock, spec, reports, user, engine } = setUp();
  const counters = engine.start(spec, user).counters();
  const quality = new SessionQuality(clock, () => counters, user);
  quality.update({ ...spec, answered: true });
  const ntp = ntpTime(clock.wall());
  const ours = { type: 'sender-report', ssrc: 9, ntp, rtpTimestamp: 0, packetCount: 0, octetCount: 0 } as const;
  quality.ownRtcp(1, formatRtcp([{ ...ours, reports: [] }]));
  clock.advance(70);
  const block = { fractionLost: 0, cumulativeLost: 0, extendedHighest: 0, jitter: 0, delaySinceLastSenderReport: 0 };
  const answer = { ...block, ssrc: 9, lastSenderReport: ntpShort(ntp) };
  quality.onRtcp(1, formatRtcp([{ type: 'receiver-report', ssrc: 5, reports: [answer] }]), clock.now());
  clock.advance(5000);
  expect(reports).toMatchObject([{ legs: [{ rttMs: null }, { rttMs: 70 }] }]);
  quality.end();
});
