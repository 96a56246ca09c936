import type { SipMessage, SipRequest } from '../../src/sip/message/index.ts';
import type { Phone } from './phone.ts';
import type { PhoneCall } from './phone-call.ts';
import type { TimerHabits } from './phone-timer.ts';
import type { Talk } from './talk.ts';
import { World, type WorldOptions } from './world.ts';

export const timers = (session_expires: number, min_se = 90) => ({ sip: { timers: { session_expires, min_se } } });

/** Nobody speaks in these calls. */
const quiet = { media: { rtp_timeout: 86_400 }, registrar: { max_expires: 86_400, nat_max_expires: 86_400 } };

export const start = (config: Record<string, unknown> = {}, more: WorldOptions = {}) =>
  World.start({ ...more, config: { ...quiet, ...config } });

export interface Wishes {
  readonly alice?: TimerHabits | null;
  readonly bob?: TimerHabits | null;
}

/** Alice calls bob and he picks up; each phone keeps session timers as it is told. */
export async function timedTalk(world: World, wishes: Wishes = {}): Promise<Talk> {
  const phones = await twoPhones(world, wishes);
  const call = phones.alice.call('1002');
  world.run(100);
  const answered = phones.bob.lastCall;
  answered.answer(200);
  world.run(100);
  if (call.state !== 'talking') throw new Error(`they do not talk: ${call.statuses.join(' ')}`);
  return { ...phones, call, answered };
}

export async function twoPhones(world: World, wishes: Wishes): Promise<{ alice: Phone; bob: Phone }> {
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  alice.habits.timer = wishes.alice ?? null;
  bob.habits.timer = wishes.bob ?? null;
  return { alice, bob };
}

/** What has come to a call since the last time that this was asked: requests without ACK. */
export function news(call: PhoneCall): readonly string[] {
  const methods = call.requests.splice(0).map(({ method }) => method);
  return methods.filter((method) => method !== 'ACK');
}

export const lastRequest = (call: PhoneCall, method: string): SipRequest => {
  const request = call.requests.findLast((one) => one.method === method);
  if (!request) throw new Error(`no ${method} has come`);
  return request;
};

export const refreshes = (world: World, by: 'exchange' | 'phone'): number =>
  world.exchange.userAgent.sessionRefreshes.get(by) ?? 0;

export const fieldsOf = ({ headers }: SipMessage): Record<string, string | undefined> => ({
  'Session-Expires': headers.get('Session-Expires'),
  'Min-SE': headers.get('Min-SE'),
  Require: headers.get('Require'),
});

/** Requests of this method that have come to the phone, outside calls too. */
export const requestsTo = (phone: Phone, method: string): readonly SipRequest[] =>
  phone.heard.filter((message) => message.kind === 'request').filter((request) => request.method === method);
