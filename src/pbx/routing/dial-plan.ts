import type { NameAddress, SipUri, TelUri, Uri } from '../../sip/message/index.ts';
import type { Flow } from '../../sip/transport/index.ts';
import type { Directory } from '../directory/index.ts';
import { contactOf, type Registrar } from '../registrar/index.ts';

/** One phone to be called: whose it is, the Request-URI, the proxies before it, and the flow that leads there. */
export interface Target {
  /** The number of its extension. */
  readonly extension: string;
  readonly uri: Uri;
  readonly route: readonly NameAddress[];
  readonly flow: Flow;
}

/** Whom a request is for, and where they are. */
export type Plan =
  | { readonly kind: 'ring'; readonly callee: string; readonly targets: readonly Target[] }
  | { readonly kind: 'refuse'; readonly callee: string; readonly status: 404 | 480; readonly text: string };

/**
 * From a dialled URI to whom to call. Only our own hosts and our own directory are ever dialled: a request to a host
 * that a stranger named is never made.
 */
export class DialPlan {
  readonly #directory: Pick<Directory, 'extension' | 'isOwnHost'>;
  readonly #registrar: Pick<Registrar, 'lookup'>;

  constructor(directory: Pick<Directory, 'extension' | 'isOwnHost'>, registrar: Pick<Registrar, 'lookup'>) {
    this.#directory = directory;
    this.#registrar = registrar;
  }

  plan(uri: Uri): Plan {
    const callee = dialledNumber(uri);
    if (uri.kind === 'other' || callee === '') return refuse(callee, 404, 'No user is named');
    if (uri.kind === 'sip' && !this.#directory.isOwnHost(uri.host)) return refuse(callee, 404, 'Not a domain of ours');
    const extension = this.#directory.extension(callee);
    if (!extension) return refuse(callee, 404, 'No such extension');
    const targets = this.targetsOf(extension.number);
    if (targets.length === 0) return refuse(callee, 480, 'Not registered');
    return { kind: 'ring', callee, targets };
  }

  /** The phones of an extension that can be reached now. */
  targetsOf(extension: string): readonly Target[] {
    return this.#registrar.lookup(extension).map(({ binding, flow }) => ({ extension, ...contactOf(binding), flow }));
  }
}

function refuse(callee: string, status: 404 | 480, text: string): Plan {
  return { kind: 'refuse', callee, status, text };
}

/** The number in a URI: without visual separators where it is a telephone number, without user parameters (RFC 3966 §3). */
export function dialledNumber(uri: Uri): string {
  switch (uri.kind) {
    case 'sip':
      return isPhoneNumber(uri) ? withoutSeparators(userPart(uri)) : userPart(uri);
    case 'tel':
      return withoutSeparators((uri satisfies TelUri).number);
    case 'other':
      return '';
  }
}

function userPart(uri: SipUri): string {
  return (uri.user ?? '').split(';', 1)[0] ?? '';
}

function isPhoneNumber(uri: SipUri): boolean {
  return uri.params.get('user') === 'phone';
}

function withoutSeparators(number: string): string {
  return number.replace(/[-.()]/g, '');
}
