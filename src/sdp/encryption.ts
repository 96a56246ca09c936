/**
 * What a leg may do about the encryption of its media, and with which keys: SRTP by keys in the description (RFC 4568),
 * demanded by the profile RTP/SAVP, or offered beside plain RTP by RTP/AVP with keys (RFC 8643).
 */
import type { Random } from '../base/index.ts';
import { type SrtpSuite, srtpKeyLength } from '../rtp/index.ts';
import type { CryptoLine } from './crypto-line.ts';
import {
  type AudioStream,
  type CarriedProfile,
  isEncryptedProfile,
  isPlainProfile,
  type SessionDescription,
  uncarried,
} from './session-description.ts';

/** `off`: neither offered nor taken; `required`: nothing else is. */
export type SrtpPolicy = 'off' | 'optional' | 'required';

/** Plain data; null in its place: no encryption. */
export interface EncryptionTerms {
  /** Whether plain media is refused. */
  readonly required: boolean;
  /** Whether our first offer names keys although plain media would do (RFC 8643). */
  readonly offered: boolean;
  /** Our keys by suite, in base64: they stay for the life of the leg. */
  readonly keys: Readonly<Record<SrtpSuite, string>>;
}

/** What we offer: what every phone knows comes first, the tag that is too short to be liked last. */
const offeredSuites: readonly SrtpSuite[] = ['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_32'];

/** Terms with new keys. `offered` counts where encryption is optional: keys on a readable way are no secret. */
export function encryptionTerms(policy: SrtpPolicy, offered: boolean, random: Random): EncryptionTerms | null {
  if (policy === 'off') return null;
  const newKey = (suite: SrtpSuite) => btoa(String.fromCharCode(...random.bytes(srtpKeyLength(suite))));
  return {
    required: policy === 'required',
    offered: offered || policy === 'required',
    keys: {
      AES_CM_128_HMAC_SHA1_80: newKey('AES_CM_128_HMAC_SHA1_80'),
      AES_CM_128_HMAC_SHA1_32: newKey('AES_CM_128_HMAC_SHA1_32'),
      AEAD_AES_128_GCM: newKey('AEAD_AES_128_GCM'),
      AEAD_AES_256_GCM: newKey('AEAD_AES_256_GCM'),
    },
  };
}

/** Profile and lines of our first offer. */
export function firstOffer(terms: EncryptionTerms | null): Pick<AudioStream, 'protocol' | 'crypto'> {
  // A phone that knows no RTP/AVPF refuses it, so it is not ours to begin with.
  const protocol: CarriedProfile = terms?.required ? 'RTP/SAVP' : 'RTP/AVP';
  if (!terms?.offered) return { protocol, crypto: [] };
  return { protocol, crypto: offeredSuites.map((suite, index) => ({ tag: index + 1, suite, key: terms.keys[suite] })) };
}

/** Which of a phone's lines we take: the first, but in a session that goes on the one that is `used`, or of its suite. */
export function preferredLine(lines: readonly CryptoLine[], used: CryptoLine | undefined): CryptoLine | undefined {
  const alike = lines.filter(({ suite }) => suite === used?.suite);
  return alike.find(({ key }) => key === used?.key) ?? alike[0] ?? lines[0];
}

/** Our line that goes with the one that the phone has stated: of its tag and suite, with our key. */
export function ownLine(terms: EncryptionTerms | null, theirs: CryptoLine | undefined): readonly CryptoLine[] {
  return terms && theirs ? [{ ...theirs, key: terms.keys[theirs.suite] }] : [];
}

/**
 * What a phone has said, with the one stream of audio that these terms allow: the encrypted one, where there is a choice.
 * All others are of no use; there may be none.
 */
export function allowedBy(terms: EncryptionTerms | null, description: SessionDescription): SessionDescription {
  const possible = description.media
    .filter((stream) => stream.kind === 'audio')
    .filter(({ protocol, crypto }) =>
      terms === null ? !isEncryptedProfile(protocol) : !terms.required || crypto.length > 0,
    );
  const chosen = possible.find(({ crypto }) => crypto.length > 0) ?? possible[0];
  const media = description.media.map((stream) => {
    if (stream.kind !== 'audio') return stream;
    if (stream !== chosen) return uncarried(stream);
    return terms === null ? { ...stream, crypto: [] } : stream;
  });
  return { ...description, media };
}

/** Why these terms leave nothing of what a phone has said, as a reason to give; null where they are not to blame. */
export function objectionOf(terms: EncryptionTerms | null, description: SessionDescription): string | null {
  const profiles = description.media.flatMap(({ kind, protocol }) =>
    kind === 'other' ? [protocol.toUpperCase()] : [],
  );
  if (terms === null && profiles.some(isEncryptedProfile)) return 'Encrypted Media Not Allowed';
  return terms?.required && profiles.some(isPlainProfile) ? 'Encrypted Media Required' : null;
}
