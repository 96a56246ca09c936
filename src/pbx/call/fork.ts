import type { PlainerOffer } from '../../sdp/index.ts';
import {
  Contact,
  formatUri,
  type NameAddress,
  SipError,
  type SipResponse,
  SipSyntaxError,
} from '../../sip/message/index.ts';
import type { DialPlan, Plan, Target } from '../routing/index.ts';
import { type BranchRefusal, bestResponse } from './best-response.ts';
import type { Branch } from './branch.ts';
import { refusalOfMedia } from './session-body.ts';

/** How many phones one call may reach by redirections (3xx) before it is given up. */
const maxRedirections = 10;

/** Calls one phone; with a plainer offer than others get, where that is not null. */
type CallPhone = (target: Target, maxBreadth: number | null, plainer: PlainerOffer | null) => Branch;

/** The phones that are called at the same time for one call, and what became of those that refused. */
export class Fork implements Disposable {
  readonly #dialPlan: DialPlan;
  readonly #call: CallPhone;
  /** Each branch with its share of the Max-Breadth, null where the caller set none. */
  readonly #branches = new Map<Branch, number | null>();
  readonly #refusals: BranchRefusal[] = [];
  readonly #visited = new Set<string>();
  #first: Branch | null = null;
  #redirections = 0;

  constructor(options: {
    readonly dialPlan: DialPlan;
    /** Calls one phone. What it throws as SipError or as a fault of SDP is a refusal. */
    readonly call: CallPhone;
  }) {
    this.#dialPlan = options.dialPlan;
    this.#call = options.call;
  }

  /** Branches that have neither refused nor been removed. */
  get size(): number {
    return this.#branches.size;
  }

  /** The branch that was called first. */
  get first(): Branch | null {
    return this.#first;
  }

  has(branch: Branch): boolean {
    return this.#branches.has(branch);
  }

  /** All branches but `winner`. */
  others(winner: Branch | null): readonly Branch[] {
    return [...this.#branches.keys()].filter((branch) => branch !== winner);
  }

  /** Calls those `targets` that have not been called yet, each once, which share `breadth` (RFC 5393 §5.3.3). */
  ring(targets: readonly Target[], breadth: number | null): void {
    const fresh = this.#unvisited(targets);
    const share = breadth === null ? null : Math.floor(breadth / fresh.length);
    if (share !== null && share < 1) {
      this.#refusals.push({ status: 440, reason: 'Max-Breadth Exceeded', by: 'us' });
      return;
    }
    for (const target of fresh) {
      this.#visited.add(formatUri(target.uri));
      this.#begin(target, share, null);
    }
  }

  /** Calls the phone of `branch` once more in its place, with a plainer offer. */
  again(branch: Branch, plainer: PlainerOffer): void {
    const share = this.#branches.get(branch) ?? null;
    this.remove(branch);
    this.#begin(branch.target, share, plainer);
  }

  #begin(target: Target, share: number | null, plainer: PlainerOffer | null): void {
    try {
      const branch = this.#call(target, share, plainer);
      this.#branches.set(branch, share);
      this.#first ??= branch;
    } catch (error) {
      const refusal = refusalOfMedia(error);
      if (!(refusal instanceof SipError)) throw error;
      const { status, reason, headers } = refusal;
      this.#refusals.push({ status, reason, by: 'us', headers });
    }
  }

  /**
   * Calls the phones that the 3xx of `branch` leads to, in its place. What the response comes to as a refusal where it
   * leads to none: 480 where it names an extension of ours that is not registered.
   */
  redirect(branch: Branch, response: SipResponse): BranchRefusal | null {
    const { status, reason } = response;
    if (status < 300 || status >= 400) return { status, reason, by: 'phone' };
    const plans = this.#redirected(response);
    const targets = this.#unvisited(plans.flatMap((plan) => (plan.kind === 'ring' ? plan.targets : [])));
    if (targets.length === 0) {
      const away = plans.some((plan) => plan.kind === 'refuse' && plan.status === 480);
      return away ? { status: 480, reason: null, by: 'phone' } : { status, reason, by: 'phone' };
    }
    const share = this.#branches.get(branch) ?? null;
    this.remove(branch);
    this.ring(targets, share);
    return null;
  }

  /** Notes that `branch` has come to nothing. */
  drop(branch: Branch, refusal: BranchRefusal): void {
    this.remove(branch);
    this.#refusals.push(refusal);
  }

  /** Forgets a branch and gives back what it held. */
  remove(branch: Branch): void {
    if (this.#branches.delete(branch)) branch[Symbol.dispose]();
  }

  /** What the caller is to hear of all that refused. Throws when none has. */
  best(): BranchRefusal {
    return bestResponse(this.#refusals);
  }

  [Symbol.dispose](): void {
    for (const branch of [...this.#branches.keys()]) this.remove(branch);
  }

  #unvisited(targets: readonly Target[]): readonly Target[] {
    // Two Contacts may lead to the same phone; one URI on two flows is two phones with the same private address.
    const each = new Map(targets.map((target) => [`${formatUri(target.uri)} ${target.flow.id}`, target]));
    return [...each.values()].filter(({ uri }) => !this.#visited.has(formatUri(uri)));
  }

  /** Where the Contacts of a 3xx lead, of which a call follows a bounded number. */
  #redirected(response: SipResponse): readonly Plan[] {
    const plans: Plan[] = [];
    for (const contact of contactsOf(response)) {
      if (contact === '*' || ++this.#redirections > maxRedirections) continue;
      plans.push(this.#dialPlan.plan(contact.uri));
    }
    return plans;
  }
}

/** None where they can't be read. */
function contactsOf(response: SipResponse): readonly (NameAddress | '*')[] {
  try {
    return response.headers.all(Contact);
  } catch (error) {
    if (error instanceof SipSyntaxError) return [];
    throw error;
  }
}
