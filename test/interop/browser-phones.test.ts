import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SystemClock, silentLog, systemRandom } from '../../src/base/index.ts';
import { MemorySockets } from '../../src/media/index.ts';
import { UdpTransport } from '../../src/sip/transport/index.ts';
import { ca, tlsFile } from '../support/tls-files.ts';
import { openWebSocket, webSocketClient } from '../support/websocket-client.ts';
import { Phone } from '../world/phone.ts';
import { ExchangeProcess, loopback, type Protocol } from './exchange-process.ts';
import { happens, JsSipPhone } from './jssip-phone.ts';
import { eventually } from './program.ts';

const password = 'browser-password';
const numbers = Array.from({ length: 20 }, (_, index) => String(7001 + index));

let exchange: ExchangeProcess;

beforeAll(async () => {
  exchange = await ExchangeProcess.start({
    config: {
      sip: {
        transport: ['udp', 'ws', 'wss'],
        tls: { certificate: tlsFile('server.pem'), private_key: tlsFile('server.key') },
        ws: { listen_port: 0 },
        keepalive_interval: 1,
        wss: { listen_port: 0 },
      },
      extensions: numbers.map((number) => ({ number, password })),
    },
  });
});

afterAll(async () => {
  await exchange?.[Symbol.asyncDispose]();
});

/** A phone on a real socket, registered; what it says and hears is not. */
async function phone(number: string, protocol: Protocol): Promise<Phone> {
  const clock = new SystemClock();
  const invalid = { address: `page${number}.invalid`, port: 9 };
  const created = new Phone({
    number,
    password,
    address: loopback,
    server: { address: loopback, port: exchange.sip(protocol).port },
    transport:
      protocol === 'udp'
        ? new UdpTransport({ listen: { address: loopback, port: 0 }, clock, log: silentLog })
        : webSocketClient(protocol, loopback, { clock, ca, advertised: invalid }),
    ...(protocol === 'udp' ? {} : { contact: invalid.address }),
    sockets: new MemorySockets(clock, systemRandom),
    clock,
    random: systemRandom,
  });
  await created.open();
  created.habits.onInvite = 'answer';
  created.register();
  await eventually(`${number} is registered`, () => created.registration === 200);
  return created;
}

test('the exchange says where it listens', async () => {
  const { transports } = await exchange.status();
  expect(transports.map(({ transport }) => transport)).toEqual(['udp', 'ws', 'wss']);
  expect(transports[1]!.address).toBe(exchange.sip('ws').text);
});

describe.each([
  ['ws', 'ws', '7001', '7002'],
  ['wss', 'ws', '7003', '7004'],
  ['wss', 'wss', '7005', '7006'],
] as const)('phones over WebSockets: %s calls %s', (from, to, callerNumber, calleeNumber) => {
  test('registers, calls, is called back and hangs up', async () => {
    const caller = await phone(callerNumber, from);
    const callee = await phone(calleeNumber, to);
    const first = caller.call(calleeNumber);
    await eventually('the call is answered', () => first.statuses.includes(200) && callee.log.includes('ACK'));
    expect(callee.lastCall.invite.uriText).toBe(`sip:${calleeNumber}@page${calleeNumber}.invalid;transport=ws`);
    expect(callee.lastCall.invite.topVia.transport).toBe(to.toUpperCase());
    first.hangUp();
    await eventually('the callee hears it', () => callee.log.includes('BYE'));
    const second = callee.call(callerNumber);
    await eventually('the call back is answered', () => second.statuses.includes(200) && caller.log.includes('ACK'));
    caller.lastCall.hangUp();
    await eventually('the other hears it', () => callee.count('BYE') === 2);
    const [cdr] = await exchange.cdrsOfCaller(callerNumber);
    expect(cdr).toMatchObject({ callee: calleeNumber, status: 'completed', terminated_by: 'caller' });
    const [back] = await exchange.cdrsOfCaller(calleeNumber);
    expect(back).toMatchObject({ callee: callerNumber, status: 'completed', terminated_by: 'callee' });
    await Promise.all([caller.close(), callee.close()]);
  });
});

describe('a phone in a page that is loaded anew', () => {
  test('loses its binding with its connection; with a new one it is called again, by a UDP phone', async () => {
    const desk = await phone('7007', 'udp');
    const before = await phone('7008', 'wss');
    await before.close();
    const gone = () =>
      exchange
        .log()
        .some(({ message, user, cause }) => message === 'binding removed' && user === '7008' && cause === 'flow_lost');
    await eventually('the binding is gone', gone);
    const early = desk.call('7008');
    await eventually('nobody is there', () => early.statuses.includes(480));
    const after = await phone('7008', 'wss');
    const call = desk.call('7008');
    await eventually('the call is answered', () => call.statuses.includes(200));
    call.hangUp();
    await eventually('the page hears it', () => after.log.includes('BYE'));
    await Promise.all([after.close(), desk.close()]);
  });
});

test('certificates are read again on SIGHUP, and no connection ends', async () => {
  const there = await openWebSocket('wss', { address: loopback, port: exchange.sip('wss').port }, { ca });
  expect((await exchange.metrics()).get('sip_certificate_end_timestamp_seconds')).toBe(Date.UTC(2126, 0, 1) / 1000);
  exchange.program.kill('SIGHUP');
  const other = await phone('7009', 'wss');
  there.send('\r\n\r\n');
  const [pong] = await new Promise<[Buffer]>((resolve) => there.once('message', (data: Buffer) => resolve([data])));
  expect(pong.toString()).toBe('\r\n');
  there.terminate();
  await other.close();
});

test('a silent page is pinged every sip.keepalive_interval, and stays', async () => {
  const page = await openWebSocket('ws', { address: loopback, port: exchange.sip('ws').port });
  let pings = 0;
  page.on('ping', () => {
    pings++;
  });
  await eventually('three pings', () => pings === 3);
  expect(page.readyState).toBe(page.OPEN);
  page.terminate();
});

test('a page that is opened where the WebSocket is says so', async () => {
  const answer = await fetch(`http://${exchange.sip('ws').text}/`);
  expect(answer.status).toBe(426);
  expect(await answer.text()).toContain('WebSocket');
});

describe.each([
  ['ws', '7011', '7012', '7013'],
  ['wss', '7014', '7015', '7016'],
] as const)('JsSIP over %s', (protocol, callerNumber, calleeNumber, thirdNumber) => {
  const registered = (number: string) =>
    JsSipPhone.registered({ number, password, url: `${protocol}://${exchange.sip(protocol).text}` });

  test('registers with digest, calls and is heard, holds and resumes, and each side hangs up', async () => {
    JsSipPhone.speaks('RTP/AVP');
    using caller = await registered(callerNumber);
    using callee = await registered(calleeNumber);
    const calls = JsSipPhone.audio.length;
    const answered = callee.pickUp();
    const call = caller.call(calleeNumber);
    await happens(call, 'confirmed');
    await answered;
    await eventually(
      'each hears the other',
      () => JsSipPhone.audio.slice(calls).filter((heard) => heard > 25).length === 2,
    );
    await new Promise<void>((resolve) => call.hold({}, resolve));
    expect((await answered).isOnHold()).toEqual({ local: false, remote: true });
    await new Promise<void>((resolve) => call.unhold({}, resolve));
    expect((await answered).isOnHold()).toEqual({ local: false, remote: false });
    const ended = happens(await answered, 'ended');
    call.terminate();
    await ended;
    const again = caller.pickUp();
    const back = callee.call(callerNumber);
    await happens(back, 'confirmed');
    const over = happens(back, 'ended');
    (await again).terminate();
    await over;
    const [cdr] = await exchange.cdrsOfCaller(callerNumber);
    expect(cdr).toMatchObject({ callee: calleeNumber, status: 'completed', terminated_by: 'caller', codec: 'PCMU' });
    expect(cdr!.rtp.caller.packets_received).toBeGreaterThan(25);
    expect(cdr!.rtp.callee.packets_received).toBeGreaterThan(25);
    const [backward] = await exchange.cdrsOfCaller(calleeNumber);
    expect(backward).toMatchObject({ callee: callerNumber, status: 'completed', terminated_by: 'callee' });
  });

  test('gives up while the other rings, and is told that the other is busy', async () => {
    JsSipPhone.speaks('RTP/AVP');
    using caller = await registered(thirdNumber);
    using callee = await registered(calleeNumber);
    const ringing = callee.ring();
    const call = caller.call(calleeNumber);
    await happens(call, 'progress');
    const stopped = happens(await ringing, 'failed');
    call.terminate();
    expect((await stopped).cause).toBe('Canceled');
    const refused = callee.ring().then((session) => session.terminate({ status_code: 486 }));
    const second = caller.call(calleeNumber);
    expect((await happens(second, 'failed')).cause).toBe('Busy');
    await refused;
  });

  test('what only WebRTC can carry is refused: the phone knows at once that it can not talk', async () => {
    JsSipPhone.speaks('UDP/TLS/RTP/SAVPF');
    using caller = await registered(callerNumber);
    using _callee = await registered(calleeNumber);
    const call = caller.call(calleeNumber);
    expect((await happens(call, 'failed')).cause).toBe('Incompatible SDP');
  });
});
