import type { Phone } from '../world/phone.ts';
import type { PhoneCall } from '../world/phone-call.ts';
import { alaw } from '../world/phone-media.ts';
import type { Chance } from './chance.ts';
import type { PhoneSetting } from './setting.ts';

/** What somebody has done that another may answer in the same moment. */
export type Provocation = 'answer' | 'hang up' | 'change';

/** What players ask of the story that they are in. */
export interface Stage {
  readonly chance: Chance;
  /** Another may do something about it at the same moment. */
  provoke(what: Provocation): void;
  /** One of the calls of anybody's phone; null where there is none. */
  anyCall(): PhoneCall | null;
}

/** Somebody at a phone, as those see him who decide what he does next. */
export interface Actor {
  readonly phone: Phone;
  readonly setting: PhoneSetting;
  readonly stage: Stage;
  /** Does something in `ms`, if the call is still known then and nobody has to behave yet. */
  later(ms: number, call: PhoneCall, action: () => void): void;
  hangUp(call: PhoneCall): void;
  /** It has just picked up. */
  answered(): void;
}

export const numbers: readonly string[] = ['1001', '1002', '1003', '1004', '1005'];

export const otherCodecs = [[18, 'G729/8000']] as const;
export const fewerCodecs = alaw;
export const nonsense = 'v=0\r\no=me\r\nm=what is this\r\n';
