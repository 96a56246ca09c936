import { formatUri } from '../../sip/message/index.ts';
import type { EventPackage, View } from './event-package.ts';
import type { ExtensionStates } from './extension-states.ts';
import type { Publications } from './publications.ts';
import { type Basic, dataModel, type PublishedState, pidf, rpid } from './published-state.ts';
import { xmlAttributes, xmlText } from './xml.ts';

/** What is known of an extension: what we see ourselves, and what its phones say. */
interface Presence {
  readonly registered: boolean;
  readonly onThePhone: boolean;
  readonly published: readonly PublishedState[];
}

/** The event package `presence` (RFC 3856), told as PIDF with the activities of RPID (RFC 3863, 4479, 4480). */
export function presencePackage(
  states: Pick<ExtensionStates, 'isRegistered' | 'onThePhone'>,
  publications: Pick<Publications, 'of'>,
): EventPackage {
  return {
    name: 'presence',
    contentType: 'application/pidf+xml',
    // RFC 3856 §6.10
    interval: 5000,
    watchers: 'everybody',
    write: (view) =>
      presenceDocument(view, {
        registered: states.isRegistered(view.extension),
        onThePhone: states.onThePhone(view.extension),
        published: publications.of(view.extension),
      }),
  };
}

/**
 * One tuple of ours, which says whether the extension can be called, then those that its phones have published. Who
 * has published nothing but `closed` does not want to be called, although a phone of his is registered.
 */
function presenceDocument({ extension, entity }: View, { registered, onThePhone, published }: Presence): string {
  const uri = formatUri(entity);
  const said = published.flatMap(({ tuples }) => tuples.flatMap(({ basic }) => basic ?? []));
  const hidden = said.length > 0 && said.every((basic) => basic === 'closed');
  const note = onThePhone ? 'On the phone' : null;
  const tuples = [
    tupleElement('exchange', registered && !hidden ? 'open' : 'closed', uri, note),
    ...published.flatMap(({ tuples: theirs }, publication) =>
      theirs.map(({ basic, note: their }, index) =>
        tupleElement(`phone${publication + 1}-${index + 1}`, basic, null, their),
      ),
    ),
  ];
  const activities = new Set(published.flatMap(({ activities: theirs }) => theirs));
  if (onThePhone) activities.add('on-the-phone');
  const notes = published.flatMap(({ note: theirs }) => theirs ?? []);
  const root = xmlAttributes({ xmlns: pidf, 'xmlns:dm': dataModel, 'xmlns:rpid': rpid, entity: uri });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<presence${root}>`,
    ...tuples,
    personElement(`person-${extension}`, [...activities], notes),
    '</presence>',
    '',
  ].join('\n');
}

function tupleElement(id: string, basic: Basic | null, contact: string | null, note: string | null): string {
  const status = basic === null ? '<status/>' : `<status><basic>${basic}</basic></status>`;
  const where = contact === null ? '' : `<contact>${xmlText(contact)}</contact>`;
  const words = note === null ? '' : `<note>${xmlText(note)}</note>`;
  return `<tuple${xmlAttributes({ id })}>${status}${where}${words}</tuple>`;
}

function personElement(id: string, activities: readonly string[], notes: readonly string[]): string {
  if (activities.length === 0 && notes.length === 0) return `<dm:person${xmlAttributes({ id })}/>`;
  const doing =
    activities.length === 0
      ? ''
      : `<rpid:activities>${activities.map((name) => `<rpid:${name}/>`).join('')}</rpid:activities>`;
  const words = notes.map((note) => `<dm:note>${xmlText(note)}</dm:note>`).join('');
  return `<dm:person${xmlAttributes({ id })}>${doing}${words}</dm:person>`;
}
