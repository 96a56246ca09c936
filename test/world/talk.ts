import type { Phone } from './phone.ts';
import type { PhoneCall } from './phone-call.ts';
import type { World } from './world.ts';

type PhoneWishes = Parameters<World['phone']>[1];

/** A call in which 1001 (alice) and 1002 (bob) talk to each other. */
export interface Talk {
  readonly alice: Phone;
  readonly bob: Phone;
  /** As the caller sees it. */
  readonly call: PhoneCall;
  /** As the callee sees it. */
  readonly answered: PhoneCall;
}

/** Registers two phones and lets alice call bob, who picks up. */
export async function talk(
  world: World,
  options: {
    readonly alice?: PhoneWishes;
    readonly bob?: PhoneWishes;
    readonly offer?: string | null;
    readonly answer?: string;
  } = {},
): Promise<Talk> {
  const alice = await world.registered('1001', options.alice);
  const bob = await world.registered('1002', options.bob);
  const call = alice.call('1002', options.offer === undefined ? {} : { sdp: options.offer });
  world.run(100);
  const answered = bob.lastCall;
  answered.answer(200, options.answer === undefined ? {} : { sdp: options.answer });
  world.run(100);
  return { alice, bob, call, answered };
}

/** Lets both phones say something and tells who was heard. */
export function heardWhenBothSpeak(world: World, { alice, bob, call, answered }: Talk): readonly ('alice' | 'bob')[] {
  const [heardByAlice, heardByBob] = [alice.media.received.length, bob.media.received.length];
  alice.media.say('this is alice', call.remoteSdp ?? '');
  bob.media.say('this is bob', answered.remoteSdp ?? '');
  world.run(20);
  const heard: ('alice' | 'bob')[] = [];
  if (bob.media.received.length > heardByBob) heard.push('alice');
  if (alice.media.received.length > heardByAlice) heard.push('bob');
  return heard;
}

/** Both phones speak every second for `ms`. */
export function chat(world: World, { alice, bob, call, answered }: Talk, ms: number): void {
  for (let waited = 0; waited < ms; waited += 1000) {
    alice.media.say('and so on', call.remoteSdp ?? '');
    bob.media.say('indeed', answered.remoteSdp ?? '');
    world.run(1000);
  }
}

/** Session id and version of an o= line. */
export function originOf(sdp: string | null): { readonly id: string; readonly version: number } {
  const [, id = '', version = ''] = /^o=\S+ (\d+) (\d+) /m.exec(sdp ?? '') ?? [];
  return { id, version: Number(version) };
}

/** The direction that a session description states. */
export function directionIn(sdp: string | null): string {
  return /^a=(sendrecv|sendonly|recvonly|inactive)/m.exec(sdp ?? '')?.[1] ?? 'sendrecv';
}
