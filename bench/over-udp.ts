import { setTimeout as sleep } from 'node:timers/promises';
import type { Figure } from './figures.ts';
import { addressOf, atRate, Live } from './live.ts';

const measured = 'the process of npm start, over UDP on loopback, records and log written';

/** Whole calls through the exchange as it runs, without a password and with a challenge for each. */
export async function callOverUdp(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const auth of ['none', 'digest'] as const) {
    await using live = await Live.start(auth);
    const phones = await live.phones({
      media: { address: '127.0.0.1', port: 4000 },
      onAnswer: (hangUp) => setTimeout(hangUp, 100),
    });
    phones.register('1002');
    await sleep(300);
    const rate = 200;
    await atRate(rate, 3, () => phones.call());
    const [cpu, ended] = [await live.cpuMicros(), phones.counts.ended];
    await atRate(rate, 8, () => phones.call());
    await sleep(500);
    const count = phones.counts.ended - ended;
    const used = (await live.cpuMicros()) - cpu;
    const lost = phones.counts.begun - phones.counts.ended;
    figures.push({
      part: 'call',
      what: auth === 'none' ? 'set up and torn down, over UDP' : 'the same with digest',
      value: used / count,
      unit: 'µs CPU',
      settings: `${rate} calls/s for 8 s, ${lost} lost; ${measured}`,
    });
  }
  return figures;
}

/** REGISTER, challenge, REGISTER with its answer. */
export async function registration(): Promise<readonly Figure[]> {
  await using live = await Live.start('digest');
  const phones = await live.phones({ media: { address: '127.0.0.1', port: 4000 }, onAnswer: () => {} });
  const rate = 500;
  await atRate(rate, 2, () => phones.register('1001'));
  const [cpu, before] = [await live.cpuMicros(), phones.counts.registered];
  await atRate(rate, 6, () => phones.register('1001'));
  await sleep(500);
  const count = phones.counts.registered - before;
  const used = (await live.cpuMicros()) - cpu;
  return [
    {
      part: 'registration',
      what: 'challenged, then accepted and stored',
      value: used / count,
      unit: 'µs CPU',
      settings: `SHA-256, ${rate}/s for 6 s, ${rate * 8 - phones.counts.registered} lost; ${measured}`,
    },
  ];
}

/** Audio packets through the relay: 20 ms of G.711 in each, both ways. */
export async function relay(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const calls of [50, 200]) {
    await using live = await Live.start('none');
    const ears = await live.socket();
    let heard = 0;
    ears.on('message', () => heard++);
    const ports: number[] = [];
    const phones = await live.phones({
      media: addressOf(ears),
      onAnswer: () => {},
      onMedia: (_as, port) => ports.push(port),
    });
    phones.register('1002');
    await sleep(300);
    await atRate(100, calls / 100, () => phones.call());
    await sleep(500);
    if (ports.length !== 2 * calls) throw new Error(`${ports.length} ends of ${calls} calls`);

    const packet = new Uint8Array(172);
    packet[0] = 0x80;
    const view = new DataView(packet.buffer);
    const sent = new Uint32Array(ports.length);
    let next = 0;
    const say = (): void => {
      const end = next;
      next = (next + 1) % ports.length;
      const number = ++sent[end]!;
      view.setUint16(2, number & 0xffff);
      view.setUint32(4, number * 160);
      view.setUint32(8, ports[end]!);
      // A copy: the socket may send later, and the next packet is written into the same bytes.
      ears.send(packet.slice(), ports[end]!, '127.0.0.1');
    };
    const rate = calls * 100;
    await atRate(rate, 2, say);
    const [cpu, before] = [await live.cpuMicros(), await live.metric('rtp_packets_sent')];
    await atRate(rate, 6, say);
    await sleep(200);
    const used = (await live.cpuMicros()) - cpu;
    const relayed = (await live.metric('rtp_packets_sent')) - before;
    const all = sent.reduce((sum, count) => sum + count, 0);
    figures.push({
      part: 'relay',
      what: `a packet, ${calls} calls`,
      value: used / relayed,
      unit: 'µs CPU',
      settings: `${rate} packets/s in for 6 s, ${all - heard} of ${all} lost; G.711, 20 ms; ${measured}`,
    });
  }
  return figures;
}
