import type { Phone } from './phone.ts';
import { heardWhenBothSpeak, type Talk, talk } from './talk.ts';
import type { World } from './world.ts';

export const threeUsers = { users: ['1001', '1002', '1003'] };

/** Alice (1001) has called bob (1002); carol (1003) is registered, and says nothing to a call unless told so. */
export interface TalkBesideCarol extends Talk {
  readonly carol: Phone;
}

export async function talkBesideCarol(
  world: World,
  wishes: NonNullable<Parameters<typeof talk>[1]> & { readonly carol?: Parameters<World['phone']>[1] } = {},
): Promise<TalkBesideCarol> {
  const talking = await talk(world, wishes);
  const carol = await world.registered('1003', wishes.carol);
  return { ...talking, carol };
}

/** As `talkBesideCarol`, and bob has asked for carol to take his place; her phone rings. */
export async function transferring(
  world: World,
  wishes: Parameters<typeof talkBesideCarol>[1] = {},
): Promise<TalkBesideCarol> {
  const talking = await talkBesideCarol(world, wishes);
  talking.carol.habits.onInvite = 'ring';
  talking.answered.refer('1003');
  world.run(100);
  return talking;
}

/** Whether two phones hear each other, in the calls as they see them. */
export function talkTogether(
  world: World,
  alice: Phone,
  call: Talk['call'],
  bob: Phone,
  answered: Talk['answered'],
): ReturnType<typeof heardWhenBothSpeak> {
  return heardWhenBothSpeak(world, { alice, bob, call, answered });
}
