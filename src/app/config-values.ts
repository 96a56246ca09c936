import { isIP } from 'node:net';
import { z } from 'zod';
import { isNetwork } from './cidr.ts';

/** The kinds of value that the sections of the configuration are made of. */

/** Marks a key whose value is never shown. */
export const secret = { secret: true };

/** A port to listen on; 0 = any free one. */
export const listenPort = z.int().min(0).max(65_535);

/** A time in whole s. */
export const seconds = (min: number, max = 31_536_000) => z.int().min(min).max(max);

/** A file or folder. */
export const path = z.string().min(1);

/** Text of one line, without control characters. */
export const line = z.string().refine((text) => !/\p{Cc}/u.test(text), 'must not hold control characters');

export const address = z.string().refine((text) => isIP(text) !== 0, 'must be an IP address');

export const network = z.string().refine(isNetwork, 'must be a network like 10.0.0.0/8, or an IP address');

const hostName = /^(?=.{1,253}$)[a-z\d]([a-z\d-]*[a-z\d])?(\.[a-z\d]([a-z\d-]*[a-z\d])?)*\.?$/i;

export const host = z
  .string()
  .refine((text) => isIP(text) !== 0 || hostName.test(text), 'must be a host name or an IP address');

export const webUrl = z
  .string()
  .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), 'must be an http or https URL');

/** A key for Standard Webhooks, of 24 bytes or more: base64 after `whsec_`, or plain text. */
export const webhookSecret = z.string().refine((text) => {
  if (!text.startsWith('whsec_')) return Buffer.byteLength(text) >= 24;
  const key = text.slice('whsec_'.length);
  return /^[a-z\d+/]+={0,2}$/i.test(key) && Buffer.from(key, 'base64').length >= 24;
}, 'must be whsec_ followed by base64 of 24 bytes or more, or a text of 24 bytes or more');

/** `utc`, or a name of the IANA time zone database. */
export const timeZone = z
  .string()
  .refine((name) => {
    try {
      return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined;
    } catch {
      return false;
    }
  }, 'must be utc, or the name of a time zone like Europe/Berlin')
  .overwrite((name) => (name.toLowerCase() === 'utc' ? 'utc' : name));

/** One of some words, in any mixture of capitals and small letters. */
export function word<const Words extends readonly [string, ...string[]]>(...words: Words) {
  const known = (text: string) => words.find((one) => one.toLowerCase() === text.toLowerCase());
  return z.preprocess((value) => (typeof value === 'string' ? (known(value) ?? value) : value), z.enum(words));
}

/** A list of `min` or more, without repetitions; a single value stands for a list of one. */
export function list<Item extends z.ZodType>(item: Item, min = 0) {
  const items = z
    .array(item)
    .min(min)
    .overwrite((all) => [...new Set(all)]);
  return z.preprocess((value) => (typeof value === 'object' || value === undefined ? value : [value]), items);
}
