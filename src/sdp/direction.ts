/** Which way the media of a stream flows, seen from the one who says it (RFC 3264 section 5.1). */
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** Whether the one who stated this direction sends. */
export function sends(direction: Direction): boolean {
  return direction === 'sendrecv' || direction === 'sendonly';
}

/** Whether the one who stated this direction wants to receive. */
export function receives(direction: Direction): boolean {
  return direction === 'sendrecv' || direction === 'recvonly';
}

/** The direction of one who sends, or receives, or both, or neither. */
export function directionOf(send: boolean, receive: boolean): Direction {
  if (send) return receive ? 'sendrecv' : 'sendonly';
  return receive ? 'recvonly' : 'inactive';
}

/** The same stream seen from the other end. */
export function reverse(direction: Direction): Direction {
  return directionOf(receives(direction), sends(direction));
}

/** What may be answered to `offered` by one who wants `wanted` (RFC 3264 section 6.1). */
export function answerDirection(offered: Direction, wanted: Direction): Direction {
  return directionOf(sends(wanted) && receives(offered), receives(wanted) && sends(offered));
}

/**
 * What the answerer would do if the offer left it free: what it answered, and what the offer forbade it to say.
 * Without it a stream that was once answered to a hold could never be offered in full again (RFC 6337 section 5.3).
 */
export function unconstrained(offered: Direction, answered: Direction): Direction {
  return directionOf(sends(answered) || !receives(offered), receives(answered) || !sends(offered));
}
