export { type Codec, isSpeech, isTelephoneEvent, ownCodecs } from './codecs.ts';
export type { Direction } from './direction.ts';
export { encryptionTerms, type SrtpPolicy } from './encryption.ts';
export {
  type AgreedCodec,
  agreedCodecs,
  answerOrOffer,
  canTalk,
  clockRates,
  fullOffer,
  mayComeTo,
  NoCommonMedia,
  offerFor,
  ownAnswer,
  payloadMap,
  relayAnswer,
  relayOffer,
} from './negotiate.ts';
export {
  type AudioProposal,
  LegNegotiation,
  type LegNegotiationOptions,
  type NegotiationPhase,
  type NegotiationState,
} from './offer-answer.ts';
export { type PlainerOffer, plainerOffer } from './plainer-offer.ts';
export {
  type AudioStream,
  formatSessionDescription,
  type MediaStream,
  type OtherStream,
  parseSessionDescription,
  SdpError,
  type SessionDescription,
} from './session-description.ts';
