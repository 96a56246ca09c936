export { type Address, formatAddress, formatHost, sameAddress } from './address.ts';
export { type Clock, dateHeader, dateOf, every, isoTime, SystemClock, type Timer } from './clock.ts';
export { Inbox } from './inbox.ts';
export { type Log, type LogFields, silentLog } from './log.ts';
export { type Random, randomToken, SeededRandom, systemRandom } from './random.ts';
export { type Rate, TokenBucket } from './rate.ts';
export { Scope } from './scope.ts';
export { Seldom, SeldomLog } from './seldom.ts';
export { VirtualClock } from './virtual-clock.ts';
