import type { Element } from '@xmldom/xmldom';
import { elements, readXml } from './xml.ts';

/** What a presence document says (RFC 3863, RFC 4480). */
export interface PresenceDocument {
  readonly entity: string | null;
  readonly tuples: readonly {
    readonly id: string | null;
    readonly basic: string | null;
    readonly contact: string | null;
    readonly note: string | null;
  }[];
  readonly activities: readonly string[];
  /** What is said of the person. */
  readonly notes: readonly string[];
}

const pidf = 'urn:ietf:params:xml:ns:pidf';
const dataModel = 'urn:ietf:params:xml:ns:pidf:data-model';
const rpid = 'urn:ietf:params:xml:ns:pidf:rpid';

/** Reads a presence document. Throws for what is none. */
export function readPresence(text: string): PresenceDocument {
  const root = readXml(text);
  if (root.namespaceURI !== pidf || root.localName !== 'presence') throw new Error(`${root.tagName} is no root`);
  const textIn = (element: Element, name: string) => elements(element, pidf, name)[0]?.textContent ?? null;
  return {
    entity: root.getAttribute('entity'),
    tuples: elements(root, pidf, 'tuple').map((tuple) => ({
      id: tuple.getAttribute('id'),
      basic: textIn(tuple, 'basic'),
      contact: textIn(tuple, 'contact'),
      note: textIn(tuple, 'note'),
    })),
    activities: elements(root, rpid, 'activities')
      .flatMap((activities) => elements(activities, rpid, '*'))
      .map(({ localName }) => localName ?? ''),
    notes: elements(root, dataModel, 'note').map(({ textContent }) => textContent ?? ''),
  };
}
