import { DOMParser, type Element } from '@xmldom/xmldom';
import { SipError } from '../../sip/message/index.ts';

/** Namespaces of RFC 3863, RFC 4479 and RFC 4480. */
export const pidf = 'urn:ietf:params:xml:ns:pidf';
export const dataModel = 'urn:ietf:params:xml:ns:pidf:data-model';
export const rpid = 'urn:ietf:params:xml:ns:pidf:rpid';

export type Basic = 'open' | 'closed';

/** What a phone says of its user: as much of its document as is shown to others. */
export interface PublishedState {
  readonly tuples: readonly { readonly basic: Basic | null; readonly note: string | null }[];
  /** What the person does, in the words of RFC 4480 §3.2: `away`, `meeting`. */
  readonly activities: readonly string[];
  readonly note: string | null;
}

/** The activities of RFC 4480 §3.2; others can't be written without knowing their namespace. */
const knownActivities: ReadonlySet<string> = new Set(
  (
    'appointment away breakfast busy dinner holiday in-transit looking-for-work lunch meal meeting on-the-phone ' +
    'performance permanent-absence playing presentation shopping sleeping spectator steering travel tv unknown ' +
    'vacation working worship'
  ).split(' '),
);

/** More than this is nothing that a colleague reads. */
const maxTuples = 8;
const maxNote = 200;

/** Reads a PIDF document (RFC 3863 §4). Throws SipError 400 for what is none. */
export function readPublished(body: Uint8Array): PublishedState {
  const root = rootOf(new TextDecoder().decode(body));
  if (root?.namespaceURI !== pidf || root.localName !== 'presence') throw new SipError(400, 'No Presence Document');
  const persons = children(root, dataModel, 'person');
  const notes = [...persons.flatMap((person) => children(person, dataModel, 'note')), ...children(root, pidf, 'note')];
  const activities = [...persons, ...children(root, pidf, 'tuple')]
    .flatMap((element) => children(element, rpid, 'activities'))
    .flatMap((element) => children(element, rpid))
    .map(({ localName }) => localName ?? '');
  return {
    tuples: children(root, pidf, 'tuple').slice(0, maxTuples).map(readTuple),
    activities: [...new Set(activities)].filter((name) => knownActivities.has(name)),
    note: textOf(notes[0]),
  };
}

function rootOf(text: string): Element | null {
  // A document type could define entities, which no presence document needs.
  if (text.includes('<!DOCTYPE')) throw new SipError(400, 'Document Type Not Allowed');
  try {
    return new DOMParser({
      onError: (level, message) => {
        if (level !== 'warning') throw new Error(message);
      },
    }).parseFromString(text, 'application/xml').documentElement;
  } catch (error) {
    throw new SipError(400, 'Not Well-Formed XML', { cause: error });
  }
}

function readTuple(tuple: Element): PublishedState['tuples'][number] {
  const [status] = children(tuple, pidf, 'status');
  const basic = status && textOf(children(status, pidf, 'basic')[0]);
  return {
    basic: basic === 'open' || basic === 'closed' ? basic : null,
    note: textOf(children(tuple, pidf, 'note')[0]),
  };
}

/** The elements directly below `parent`, of any name or of this. */
function children(parent: Element, namespace: string, name?: string): readonly Element[] {
  const found: Element[] = [];
  for (let node = parent.firstChild; node; node = node.nextSibling) {
    if (node.nodeType !== node.ELEMENT_NODE) continue;
    const element = node as Element;
    if (element.namespaceURI === namespace && (name === undefined || element.localName === name)) found.push(element);
  }
  return found;
}

function textOf(element: Element | undefined): string | null {
  return element?.textContent?.trim().slice(0, maxNote) || null;
}
