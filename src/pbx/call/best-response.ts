import { acceptable } from './session-body.ts';

/** How a branch of a call ended without an answer. */
export interface BranchRefusal {
  readonly status: number;
  readonly reason: string | null;
  /** Whether the phone said so, or we concluded it from its silence or its absence. */
  readonly by: 'phone' | 'us';
  /** Header fields that go with it to the caller. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Within the 4xx the one that tells the caller most comes first (RFC 3261 §16.7 step 6 leaves the choice open). */
const telling = [486, 415, 488, 420, 484, 480, 404, 410, 403];

/** Said of our transaction with that phone, not of the caller's. */
const betweenUs = new Set([405, 420, 421, 422, 423, 481, 482, 483, 487, 491, 494]);

/**
 * The response that the caller hears when every branch has refused (RFC 3261 §16.7): a 6xx before all, then the lowest
 * class of what may be said at all, within the 4xx a silent phone last. `refusals` holds at least one.
 */
export function bestResponse(refusals: readonly BranchRefusal[]): BranchRefusal {
  const [best] = refusals.map(presentable).toSorted((a, b) => rank(a.status) - rank(b.status));
  if (!best) throw new Error('no branch has ended');
  return best;
}

function rank(status: number): number {
  if (status >= 600) return status - 600;
  if (status === 408) return 499_000;
  const place = telling.indexOf(status);
  return Math.floor(status / 100) * 100_000 + (place < 0 ? 100 + (status % 100) : place);
}

/** What ends the dialog or the call for whoever takes it at its word (RFC 5057 §5.1). */
const endsTheCall = new Set([404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 502, 604]);

/**
 * What a request inside an answered call is answered with when the other phone has answered `status`: the call goes
 * on, so a refusal is one that ends nothing.
 */
export function presentableWithin(status: number): number {
  if (status === 487 || status === 491) return status;
  const said = presentable({ status, reason: null, by: 'phone' }).status;
  return endsTheCall.has(said) ? 500 : said;
}

/**
 * What may be said to the caller of a phone's refusal. A challenge is between us and the phone, its 503 says nothing of
 * our load (RFC 3261 §16.7 step 6), and a redirection that led nowhere is a number that does not exist here.
 */
function presentable(refusal: BranchRefusal): BranchRefusal {
  const { status } = refusal;
  if (refusal.by === 'us') return refusal;
  if (status >= 300 && status < 400) return { ...refusal, status: 404, reason: null };
  if (status === 401 || status === 407 || status === 503) return { ...refusal, status: 500, reason: null };
  if (betweenUs.has(status)) return { ...refusal, status: 480, reason: null };
  if (status === 415) return { ...refusal, headers: acceptable };
  return refusal;
}
