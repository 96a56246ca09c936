import { plainerPriority } from './codecs.ts';
import { audioOf, isPlainProfile, type SessionDescription } from './session-description.ts';

/** What a second offer says less, to a phone that has refused the first. */
export interface PlainerOffer {
  /** The codecs that every telephone has, as a `codecPriority`; null: as before. */
  readonly codecPriority: readonly string[] | null;
  /** Whether it names no keys: some phones refuse them beside plain media, instead of passing over them (RFC 8643). */
  readonly withoutKeys: boolean;
}

/** What can be left out of an offer of ours that a phone has refused; null where there is nothing. */
export function plainerOffer(offer: SessionDescription): PlainerOffer | null {
  const audio = audioOf(offer);
  if (audio === null) return null;
  const codecPriority = plainerPriority(audio.codecs);
  const withoutKeys = audio.crypto.length > 0 && isPlainProfile(audio.protocol);
  return codecPriority !== null || withoutKeys ? { codecPriority, withoutKeys } : null;
}
