export { type Codec, isSpeech, isTelephoneEvent, ownCodecs } from './codecs.ts';
export { answerDirection, type Direction, receives, reverse, sends } from './direction.ts';
export {
  type AgreedCodec,
  agreedCodecs,
  clockRates,
  fullOffer,
  NoCommonMedia,
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
export {
  type AudioStream,
  audioOf,
  formatSessionDescription,
  isHeld,
  type MediaStream,
  type OtherStream,
  parseSessionDescription,
  SdpError,
  type SessionDescription,
} from './session-description.ts';
