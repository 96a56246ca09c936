import type { Element } from '@xmldom/xmldom';
import { elements, readXml } from './xml.ts';

/** What a `dialog-info` document says (RFC 4235). */
export interface DialogInfo {
  readonly version: number;
  readonly state: string | null;
  readonly entity: string | null;
  readonly dialogs: readonly {
    readonly id: string | null;
    readonly callId: string | null;
    readonly localTag: string | null;
    readonly remoteTag: string | null;
    readonly direction: string | null;
    readonly state: string | null;
    readonly local: string | null;
    readonly remote: string | null;
    readonly remoteName: string | null;
    readonly held: boolean;
  }[];
}

const namespace = 'urn:ietf:params:xml:ns:dialog-info';

/** Reads a `dialog-info` document. Throws for what is none. */
export function readDialogInfo(text: string): DialogInfo {
  const root = readXml(text);
  if (root.namespaceURI !== namespace || root.localName !== 'dialog-info')
    throw new Error(`${root.tagName} is no root`);
  const inner = (element: Element | undefined, name: string) =>
    element ? elements(element, namespace, name)[0] : undefined;
  return {
    version: Number(root.getAttribute('version')),
    state: root.getAttribute('state'),
    entity: root.getAttribute('entity'),
    dialogs: elements(root, namespace, 'dialog').map((dialog) => {
      const remote = inner(dialog, 'remote');
      const local = inner(dialog, 'local');
      return {
        id: dialog.getAttribute('id'),
        callId: dialog.getAttribute('call-id'),
        localTag: dialog.getAttribute('local-tag'),
        remoteTag: dialog.getAttribute('remote-tag'),
        direction: dialog.getAttribute('direction'),
        state: inner(dialog, 'state')?.textContent ?? null,
        local: inner(local, 'identity')?.textContent ?? null,
        remote: inner(remote, 'identity')?.textContent ?? null,
        remoteName: inner(remote, 'identity')?.getAttribute('display') ?? null,
        held: inner(local, 'param')?.getAttribute('pval') === 'no',
      };
    }),
  };
}

/** The states of the dialogs in a `dialog-info` document, separated by spaces. */
export function dialogStates(text: string): string {
  return readDialogInfo(text)
    .dialogs.map(({ state }) => state)
    .join(' ');
}
