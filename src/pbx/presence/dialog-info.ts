import { formatUri, type SipUri, sipUri } from '../../sip/message/index.ts';
import type { LegFacts } from '../events/index.ts';
import type { EventPackage, View } from './event-package.ts';
import type { ExtensionStates } from './extension-states.ts';
import { xmlAttributes, xmlText } from './xml.ts';

/** Calls of one extension that a lamp is told of: more would make a NOTIFY that UDP loses. */
const maxDialogs = 8;

/**
 * The event package `dialog` (RFC 4235), which busy lamps watch. Each NOTIFY has the whole state, since a phone that
 * has missed one would never know. Whom the extension speaks to is told to whoever may watch: the extensions of this
 * exchange.
 */
export function dialogPackage(states: Pick<ExtensionStates, 'dialogsOf'>): EventPackage {
  return {
    name: 'dialog',
    contentType: 'application/dialog-info+xml',
    // RFC 4235 §3.10
    interval: 1000,
    watchers: 'everybody',
    write: (view) => dialogInfo(view, states.dialogsOf(view.extension)),
  };
}

/** The calls of an extension as its phones see them (RFC 4235 §4.1). */
function dialogInfo({ extension, entity, version }: View, legs: readonly LegFacts[]): string {
  // A lamp of Yealink stays as it is when there is no <dialog> at all.
  const dialogs =
    legs.length > 0
      ? legs.slice(0, maxDialogs).map((leg) => dialogElement(entity, leg))
      : [`<dialog${xmlAttributes({ id: extension })}><state>terminated</state></dialog>`];
  const root = xmlAttributes({
    xmlns: 'urn:ietf:params:xml:ns:dialog-info',
    version: String(version),
    state: 'full',
    entity: formatUri(entity),
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<dialog-info${root}>\n${dialogs.join('\n')}\n</dialog-info>\n`;
}

/** `pval` is what RFC 4235 §4.4 calls it, `pvalue` what phones look for. */
function dialogElement(entity: SipUri, { legId, dialog, direction, state, remote, onHold }: LegFacts): string {
  const attributes = xmlAttributes({
    id: legId,
    'call-id': dialog.sipCallId,
    'local-tag': dialog.phoneTag,
    'remote-tag': dialog.ourTag,
    direction,
  });
  const held = onHold ? '<param pname="+sip.rendering" pval="no" pvalue="no"/>' : '';
  const own = formatUri(entity);
  const other = formatUri(sipUri({ user: remote.number, host: entity.host, port: entity.port }));
  return [
    `<dialog${attributes}>`,
    `<state>${state}</state>`,
    `<local>${identityElement(own, null)}<target${xmlAttributes({ uri: own })}>${held}</target></local>`,
    `<remote>${identityElement(other, remote.displayName)}<target${xmlAttributes({ uri: other })}/></remote>`,
    '</dialog>',
  ].join('');
}

function identityElement(uri: string, display: string | null): string {
  return `<identity${xmlAttributes({ display })}>${xmlText(uri)}</identity>`;
}
