import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import type { MediaLeg, MediaSession, PortPair } from '../../src/media/index.ts';
import type { AgreedCodec } from '../../src/sdp/index.ts';
import { engines } from './engine-stage.ts';
import { Phone } from './relay-stage.ts';
import { events, opus, pcma, pcmu } from './speech.ts';

const rounds = 60;
const perRound = 50;
/** What may be left of the last two thousand, in bytes: less than 2000 of each. */
const tolerance = 4_000_000;

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const virtual = engines.filter(([name]) => name.includes('memory'));

describe.each(virtual)('three thousand calls that have ended: %s', (_, open) => {
  test('leave nothing, relayed, transcoded, or with one leg here and one there', async () => {
    const ground = open(500);
    const { engine, clock, sockets, here, there, settle } = ground;
    await settle();
    const [alice, bob] = [new Phone(sockets, there(1)), new Phone(sockets, there(2))];
    const pending = clock.pending;
    const leg = (port: PortPair, phone: Phone, codecs: readonly AgreedCodec[]): MediaLeg => ({
      port,
      remote: phone.sdp,
      signalling: phone.local.address,
      send: true,
      codecs,
      ptime: null,
    });
    let before = 0;
    for (let round = 0; round < rounds; round++) {
      // The first ones make room for what is kept ready.
      if (round === 20) before = heapUsed();
      const calls: { readonly session: MediaSession; readonly ports: readonly PortPair[] }[] = [];
      for (let n = 0; n < perRound; n++) {
        const portA = engine.lease(here)!;
        // Without a neighbour the other leg comes to the other worker, where there are two.
        const portB = n % 3 === 2 ? engine.lease(here)! : engine.lease(here, portA)!;
        const codecs = n % 3 === 0 ? [pcmu, events] : n % 2 === 0 ? [pcma] : [opus];
        const session = engine.start(
          {
            id: 'call',
            legs: [leg(portA, alice, [pcmu]), leg(portB, bob, codecs)],
            idleTimeout: 30_000,
            answered: true,
          },
          { onIdle: () => {} },
        );
        calls.push({ session, ports: [portA, portB] });
      }
      await settle();
      for (const { ports } of calls) alice.speak(ports[0]!, { payloadType: 0 });
      for (let turn = 0; turn < 4; turn++) {
        clock.advance(20);
        await settle();
      }
      let ended = 0;
      for (const { session } of calls) session.end(() => ended++);
      for (const { ports } of calls) for (const port of ports) engine.release(port);
      await settle();
      expect(ended).toBe(perRound);
      for (const phone of [alice, bob]) {
        phone.heard.length = 0;
        phone.heardRtcp.length = 0;
      }
      clock.advance(2100);
      await settle();
    }
    expect(engine.usage().inUse).toBe(0);
    expect(engine.workers().map(({ sessions }) => sessions)).toEqual(engine.workers().map(() => 0));
    expect(clock.pending).toBe(pending);
    expect(heapUsed() - before).toBeLessThan(tolerance);
    await engine.close();
    expect(clock.pending).toBe(0);
    for (const phone of [alice, bob]) phone.close();
  }, 60_000);
});
