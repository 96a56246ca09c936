import type { SipRequest } from '../../sip/message/index.ts';
import type { Directory } from '../directory/index.ts';
import { dialledNumber } from '../routing/index.ts';

/** Who sends a request: what the other side is told of them. */
export interface Sender {
  readonly caller: string;
  readonly callerName: string | null;
}

/** How the user `caller`, who has been admitted, is shown, whatever From says. */
export function senderOf(request: SipRequest, caller: string, directory: Pick<Directory, 'extension'>): Sender {
  const { from } = request;
  // Who has no name of its own here may give itself one, but only under its own number.
  const named = dialledNumber(from.uri) === caller ? from.displayName : null;
  return { caller, callerName: directory.extension(caller)?.displayName ?? named };
}
