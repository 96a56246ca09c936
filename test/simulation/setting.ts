import type { BindingStore } from '../../src/pbx/registrar/index.ts';
import type { TransportName } from '../../src/sip/transport/index.ts';
import { alaw } from '../world/phone-media.ts';
import type { PhoneEncryption } from '../world/phone-srtp.ts';
import type { TimerHabits } from '../world/phone-timer.ts';
import { MemoryBindings, passwordOf, type WorldOptions } from '../world/world.ts';
import type { Chance } from './chance.ts';

/** Numbers with an account. Some have several phones, some none. */
const users = ['1001', '1002', '1003', '1004', '1005'] as const;

/** What every phone allows. */
const allowed = 'INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, REFER, NOTIFY, MESSAGE';

type Codecs = readonly (readonly [payloadType: number, rtpmap: string])[];

/** Shared with no phone that has what most have. */
const opusAlone: Codecs = [
  [96, 'opus/48000/2'],
  [97, 'telephone-event/48000'],
];
const g722Alone: Codecs = [
  [9, 'G722/8000'],
  [101, 'telephone-event/8000'],
];
const mulawAlone: Codecs = [[0, 'PCMU/8000']];
/** What many have in common is not what it would rather speak. */
const opusFirst: Codecs = [
  [107, 'opus/48000/2'],
  [8, 'PCMA/8000'],
  [101, 'telephone-event/8000'],
];
/** What most have. */
const usual: Codecs = [
  [0, 'PCMU/8000'],
  [8, 'PCMA/8000'],
  [101, 'telephone-event/8000'],
];

export interface PhoneSetting {
  readonly number: string;
  readonly transport: TransportName;
  /** Contact host of a phone behind a NAT. */
  readonly contact: string | null;
  /** All that it can speak. */
  readonly codecs: Codecs;
  /** How it encrypts its media; null: not at all. */
  readonly encryption: PhoneEncryption | null;
  /** The share of 2xx that it acknowledges. */
  readonly acks: number;
  readonly obeysCancel: boolean;
  /** Whether it knows reliable provisional responses as a caller. */
  readonly reliable: 'no' | 'supported' | 'required';
  /** The share of reliable provisional responses that it acknowledges at once. */
  readonly pracks: number;
  /** Its Allow; null where it says nothing. */
  readonly allow: string | null;
  /** Its session timers. */
  readonly timer: TimerHabits | null;
}

/** Where and under which circumstances a story takes place. */
export interface Setting {
  readonly world: WorldOptions;
  readonly phones: readonly PhoneSetting[];
  /** How long things happen, in ms. */
  readonly duration: number;
  /** How many things happen besides what phones do in their calls. */
  readonly incidents: number;
  /** The longest way of a datagram, in ms. */
  readonly longestDelay: number;
  /** Whether phones lose their network, connection or memory. */
  readonly troubled: boolean;
  readonly ending: 'quiet' | 'drain' | 'shutdown';
  /** Whether what carries the media dies now and then. */
  readonly mortal: boolean;
}

export function settingOf(seed: number, chance: Chance): Setting {
  const delay = chance.weighted([
    [3, { min: 0, max: 0 }],
    [4, { min: 5, max: 40 }],
    [2, { min: 1, max: 400 }],
    [1, { min: 100, max: 1500 }],
  ]);
  const workers = chance.weighted([
    [8, 0],
    [1, 1],
    [1, 2],
  ]);
  const mortal = workers > 0 && chance.happens(0.6);
  return {
    mortal,
    world: {
      seed,
      users,
      workers,
      bindings: chance.happens(0.3) ? new LateBindings(chance) : new MemoryBindings(),
      network: {
        loss: chance.pick([0, 0, 0.02, 0.05, 0.15]),
        duplicate: chance.pick([0, 0, 0.05, 0.3]),
        delay,
      },
      config: {
        extensions: users.map((number) => ({
          number,
          password: passwordOf(number),
          srtp: chance.pick([null, null, null, null, 'off']),
          // What a worker that has died leaves is looked for on the disk of this machine.
          recording: mortal ? null : chance.pick([null, null, null, true, false]),
        })),
        recording: { directory: '/recordings' },
        sip: {
          max_concurrent_calls: chance.pick([100, 100, 100, 4, 2]),
          max_call_duration: chance.pick([14_400, 14_400, 60, 10]),
          timers: {
            invite_timeout: chance.pick([60, 20, 5]),
            session_expires: chance.pick([1800, 90, 90, 0]),
          },
        },
        registrar: { auth: chance.pick(['digest', 'none']), max_expires: 600, default_expires: 600 },
        media: {
          port_pool: { start: 10_000, end: chance.pick([20_000, 20_000, 20_000, 10_016, 10_006]) },
          rtp_timeout: chance.pick([60, 60, 15]),
        },
      },
    },
    phones: users.flatMap((number) => phonesOf(number, chance)),
    duration: chance.between(20, 150) * 1000,
    incidents: chance.between(6, 30),
    longestDelay: delay.max,
    troubled: chance.happens(0.5),
    ending: chance.weighted([
      [7, 'quiet'],
      [1, 'drain'],
      [2, 'shutdown'],
    ]),
  };
}

function phonesOf(number: string, chance: Chance): readonly PhoneSetting[] {
  const count = chance.weighted([
    [1, 0],
    [6, 1],
    [2, 2],
    [1, 3],
  ]);
  return Array.from({ length: count }, (_, index) => {
    const transport = chance.weighted<TransportName>([
      [7, 'udp'],
      [3, 'tcp'],
      [2, 'tls'],
    ]);
    return {
      number,
      transport,
      contact: chance.happens(0.15) ? `192.168.7.${chance.between(1, 99)}${index}:5060` : null,
      codecs: chance.weighted([
        [6, usual],
        [1, opusAlone],
        [1, alaw],
        [1, g722Alone],
        [1, mulawAlone],
        [1, opusFirst],
      ]),
      encryption: chance.weighted<PhoneEncryption | null>([
        [transport === 'tls' ? 1 : 12, null],
        [1, { profile: 'RTP/SAVP' }],
        [1, { profile: 'RTP/AVP', suites: ['AEAD_AES_256_GCM', 'AES_CM_128_HMAC_SHA1_32'] }],
        [1, { profile: 'RTP/AVP' }],
      ]),
      acks: chance.weighted([
        [8, 1],
        [2, 0.6],
        [1, 0],
      ]),
      obeysCancel: chance.happens(0.93),
      reliable: chance.weighted<PhoneSetting['reliable']>([
        [4, 'no'],
        [6, 'supported'],
        [1, 'required'],
      ]),
      pracks: chance.weighted([
        [8, 1],
        [2, 0.5],
        [1, 0],
      ]),
      allow: chance.pick([
        null,
        allowed,
        allowed,
        `${allowed}, UPDATE`,
        `${allowed}, UPDATE`,
        `${allowed}, UPDATE, PRACK`,
      ]),
      timer: chance.happens(0.4) ? timerOf(chance) : null,
    };
  });
}

function timerOf(chance: Chance): TimerHabits {
  return {
    interval: chance.pick([90, 90, 120, 600]),
    ...(chance.happens(0.2) ? { minimum: chance.pick([90, 100, 600]) } : {}),
    ...(chance.happens(0.6) ? { refresher: chance.pick(['phone', 'exchange'] as const) } : {}),
    method: chance.pick(['UPDATE', 'INVITE'] as const),
  };
}

/** A store so slow that some of what it is told is forgotten: nothing in the exchange may wait for it or trust it. */
class LateBindings implements BindingStore {
  readonly #kept = new MemoryBindings();
  readonly #chance: Chance;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  async load(): ReturnType<BindingStore['load']> {
    await Promise.resolve();
    return this.#kept.load();
  }

  save(...change: Parameters<BindingStore['save']>): void {
    if (this.#chance.happens(0.5)) this.#kept.save(...change);
  }

  remove(...change: Parameters<BindingStore['remove']>): void {
    if (this.#chance.happens(0.5)) this.#kept.remove(...change);
  }
}
