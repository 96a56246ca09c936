export {
  Authorization,
  type Credentials,
  ProxyAuthenticate,
  ProxyAuthorization,
  WwwAuthenticate,
} from './credentials.ts';
export { CSeq, type CSeqValue } from './cseq.ts';
export { Event, type EventValue } from './event.ts';
export { ContentType, type MediaType } from './media-type.ts';
export {
  Contact,
  From,
  formatNameAddress,
  type NameAddress,
  PAssertedIdentity,
  Path,
  parseNameAddress,
  RecordRoute,
  ReferredBy,
  ReferTo,
  ReplyTo,
  Route,
  To,
  tagOf,
} from './name-address.ts';
export { RAck, type RAckValue } from './rack.ts';
export { Reason, type ReasonValue } from './reason.ts';
export { Replaces, type ReplacesValue } from './replaces.ts';
export {
  Accept,
  Allow,
  CallId,
  ContentLength,
  Expires,
  MaxBreadth,
  MaxForwards,
  MinExpires,
  MinSE,
  ProxyRequire,
  Require,
  RetryAfter,
  RSeq,
  SessionExpires,
  type SessionExpiresValue,
  Supported,
  Unsupported,
} from './simple.ts';
export { Via, type ViaValue } from './via.ts';
