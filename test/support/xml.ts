import { DOMParser, type Element } from '@xmldom/xmldom';

/** Reads the root element of an XML document. Throws for what is not well-formed. */
export function readXml(text: string): Element {
  const document = new DOMParser({
    onError: (level, message) => {
      throw new Error(`${level}: ${message}`);
    },
  }).parseFromString(text, 'application/xml');
  if (!document.documentElement) throw new Error('no element');
  return document.documentElement;
}

/** All elements of this name below `element`, whatever prefix they have. */
export function elements(element: Element, namespace: string, name: string): readonly Element[] {
  return [...element.getElementsByTagNameNS(namespace, name)];
}
