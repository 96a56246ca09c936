import type { SipRequest } from '../../sip/message/index.ts';
import type { Directory } from '../directory/index.ts';
import { dialledNumber } from '../routing/index.ts';

import { type Person, wantsAnonymity } from './identity.ts';

/** Who sends a request: what the other side is told of them. */
export interface Sender {
  readonly caller: string;
  readonly callerName: string | null;
  /** Whether the other side is not to be told (RFC 3323). */
  readonly anonymous: boolean;
}

/** How the user `caller`, who has been admitted, is shown, whatever From says. Throws SipError where Privacy can't be done. */
export function senderOf(request: SipRequest, caller: string, directory: Pick<Directory, 'extension'>): Sender {
  const { from } = request;
  // Who has no name of its own here may give itself one, but only under its own number.
  const named = dialledNumber(from.uri) === caller ? from.displayName : null;
  const callerName = directory.extension(caller)?.displayName ?? named;
  return { caller, callerName, anonymous: wantsAnonymity(request) };
}

export function personOf({ caller, callerName, anonymous }: Sender): Person {
  return { extension: caller, displayName: callerName, anonymous };
}
