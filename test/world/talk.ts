import type { SipResponse } from '../../src/sip/message/index.ts';
import type { ClientTransaction } from '../../src/sip/transaction/index.ts';
import type { Phone } from './phone.ts';
import type { PhoneCall } from './phone-call.ts';
import type { World } from './world.ts';

type PhoneWishes = Parameters<World['phone']>[1];

export interface Wishes {
  readonly alice?: PhoneWishes;
  readonly bob?: PhoneWishes;
  /** What alice offers; null is an INVITE without an offer. Without it: all that her phone can do. */
  readonly offer?: string | null;
  /** Fields of her INVITE. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Fields of bob's 200. */
  readonly answerHeaders?: Readonly<Record<string, string>>;
}

/** A call of 1001 (alice) to 1002 (bob). */
interface Calling {
  readonly alice: Phone;
  readonly bob: Phone;
  /** As the caller sees it. */
  readonly call: PhoneCall;
}

/** A call in which alice and bob talk to each other. */
export interface Talk extends Calling {
  /** As the callee sees it. */
  readonly answered: PhoneCall;
}

/** One end of a call. */
export interface End {
  readonly name: 'alice' | 'bob';
  readonly phone: Phone;
  readonly call: PhoneCall;
}

/** The two ends of a call: that of the caller or of the callee, and the other. */
export function endsOf({ alice, bob, call, answered }: Talk, side: 'caller' | 'callee'): readonly [End, End] {
  const caller: End = { name: 'alice', phone: alice, call };
  const callee: End = { name: 'bob', phone: bob, call: answered };
  return side === 'caller' ? [caller, callee] : [callee, caller];
}

const callOf = (alice: Phone, { offer, headers = {} }: Wishes): PhoneCall =>
  alice.call('1002', { ...(offer === undefined ? {} : { sdp: offer }), headers });

/** Registers two phones and lets alice call bob; 50 ms later his phone has said nothing yet. */
export async function called(world: World, wishes: Wishes = {}): Promise<Calling> {
  const alice = await world.registered('1001', wishes.alice);
  const bob = await world.registered('1002', wishes.bob);
  const call = callOf(alice, wishes);
  world.run(50);
  return { alice, bob, call };
}

/** As `called`, and bob's phone has been ringing for 50 ms. */
export async function ringing(world: World, wishes: Wishes = {}): Promise<Calling> {
  const calling = await called(world, wishes);
  calling.bob.lastCall.answer(180);
  world.run(50);
  return calling;
}

function pickedUp(world: World, calling: Calling, { answerHeaders = {} }: Wishes, answer?: string): Talk {
  world.run(50);
  const answered = calling.bob.lastCall;
  answered.answer(200, { headers: answerHeaders, ...(answer === undefined ? {} : { sdp: answer }) });
  world.run(100);
  return { ...calling, answered };
}

/** As `called`, and bob has picked up. */
export async function talk(world: World, wishes: Wishes & { readonly answer?: string } = {}): Promise<Talk> {
  return pickedUp(world, await called(world, wishes), wishes, wishes.answer);
}

/** As `talk`, but alice has not acknowledged the answer, nor will she by herself. */
export async function unacknowledged(world: World, wishes: Wishes = {}): Promise<Talk> {
  const calling = await called(world, wishes);
  calling.alice.habits.acks = false;
  return pickedUp(world, calling, wishes);
}

/** As `talk`, and alice has asked to hold the call: that waits for bob, who does not agree by himself. */
export async function pendingHold(
  world: World,
  { by = 'INVITE', ...wishes }: Wishes & { readonly by?: 'INVITE' | 'UPDATE' } = {},
): Promise<Talk & { readonly hold: ClientTransaction }> {
  const talking = await talk(world, wishes);
  talking.bob.habits.agrees = false;
  const hold =
    by === 'INVITE' ? talking.call.reinvite({ direction: 'sendonly' }) : talking.call.update({ direction: 'sendonly' });
  world.run(100);
  return { ...talking, hold };
}

/** The 200 to the INVITE that began a call. */
export const answerTo = (call: PhoneCall): SipResponse | undefined =>
  call.responses.find(({ status, cseq }) => status === 200 && cseq.method === 'INVITE');

/** A call of alice to the two phones of extension 1002. */
interface Forked {
  readonly alice: Phone;
  readonly desk: Phone;
  readonly mobile: Phone;
  /** As the caller sees it. */
  readonly call: PhoneCall;
}

/** Registers alice and two phones of 1002 and lets her call there; 50 ms later neither has said anything yet. */
export async function forked(
  world: World,
  wishes: Omit<Wishes, 'bob'> & {
    readonly desk?: PhoneWishes;
    readonly mobile?: PhoneWishes;
    /** Nothing reaches the desk phone once it has registered. */
    readonly deskIsDead?: boolean;
  } = {},
): Promise<Forked> {
  const alice = await world.registered('1001', wishes.alice);
  const desk = await world.registered('1002', wishes.desk);
  const mobile = await world.registered('1002', wishes.mobile);
  if (wishes.deskIsDead) world.network.partition(desk.address);
  const call = callOf(alice, wishes);
  world.run(50);
  return { alice, desk, mobile, call };
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

/** The phones say `hello` and `hi` to each other in a codec: what bob and alice have heard in this call. */
export function greetings(
  world: World,
  { alice, bob, call, answered }: Talk,
  payloadType: number,
): readonly (readonly string[])[] {
  alice.media.say('hello', call.remoteSdp ?? '', payloadType);
  bob.media.say('hi', answered.remoteSdp ?? '', payloadType);
  world.run(50);
  return [bob.media.heardText, alice.media.heardText];
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

/** A phone that has registered through a bad network, however often it takes. */
export async function registeredAtLast(world: World, number: string): Promise<Phone> {
  const phone = await world.phone(number);
  for (let tries = 0; tries < 5 && phone.registration !== 200; tries++) {
    phone.register();
    world.run(40_000);
  }
  if (phone.registration !== 200) throw new Error(`${number} could not register: ${phone.registration}`);
  return phone;
}
