import type { SipResponse } from '../../src/sip/message/index.ts';
import type { Phone } from './phone.ts';
import type { PhoneCall } from './phone-call.ts';
import { called, type Talk, type Wishes } from './talk.ts';
import type { World } from './world.ts';

/** The caller knows reliable provisional responses (RFC 3262). */
export const reliably = { headers: { Supported: '100rel' } } as const;

/** It does not acknowledge them by itself. */
export const unpracked = { ...reliably, pracks: false } as const;

/** It demands them, and does not acknowledge them by itself. */
export const demanded = { headers: { Require: '100rel' }, pracks: false } as const;

/** A call that is not answered yet, as the caller and the callee see it. */
export interface EarlyTalk extends Talk {
  /** What bob's phone described in its 183. */
  readonly played: string;
  /** What alice heard of it. */
  readonly early: SipResponse;
}

/** As `called`, and bob's phone has said, 50 ms ago, that it rings (180), or described what it plays (183). */
export async function provisional(
  world: World,
  status: 180 | 183,
  wishes: Wishes & { readonly pracks?: boolean } = {},
  said: Parameters<PhoneCall['answer']>[1] = {},
): Promise<EarlyTalk> {
  const calling = await called(world, wishes);
  calling.alice.habits.pracks = wishes.pracks ?? true;
  const answered = calling.bob.lastCall;
  const played = calling.bob.media.describe();
  answered.answer(status, status === 183 ? { sdp: played, ...said } : said);
  world.run(50);
  return { ...calling, answered, played, early: calling.call.last };
}

/** The RAck of each PRACK that has come. */
export const racksOf = (call: PhoneCall): readonly (string | undefined)[] =>
  call.requests.filter(({ method }) => method === 'PRACK').map(({ headers }) => headers.get('RAck'));

/** What has come to INVITEs of a phone, but for what goes before and the challenge. */
export const finals = (phone: Phone): readonly number[] =>
  phone.statuses('INVITE').filter((status) => status >= 200 && status !== 401);
