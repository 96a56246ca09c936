import { isDeepStrictEqual } from 'node:util';
import { type Config, defaultConfig } from './config-schema.ts';

/** What in `config` is allowed but should not go unsaid: one line each. */
export function configWarnings(config: Config): string[] {
  const { registrar, api, media, sip, cdr } = config;
  const warnings: string[] = [];
  if (registrar.auth === 'none')
    warnings.push('registrar.auth is none: anybody who reaches this exchange can register and place calls');
  if (api.insecure && api.tls === null)
    warnings.push('api.insecure is true: the API may be used over plain HTTP, where credentials can be read');
  const room = Math.floor((media.port_pool.end - media.port_pool.start) / portsPerCall);
  if (room < sip.max_concurrent_calls) {
    warnings.push(
      `media.port_pool has room for ${room === 1 ? 'one call' : `${room} calls`} only, sip.max_concurrent_calls is ${sip.max_concurrent_calls}`,
    );
  }
  if (media.relay === 'plain' && media.dscp !== defaultConfig.media.dscp)
    warnings.push('media.dscp has no effect with media.relay plain: only the native relay marks packets');
  if (
    cdr.enabled &&
    cdr.retention_days > 0 &&
    !['%Y', '%m', '%d'].every((field) => cdr.filename_pattern.includes(field))
  ) {
    warnings.push('cdr.retention_days has no effect: cdr.filename_pattern does not name the day (%Y, %m and %d)');
  }
  return warnings;
}

/** RTP and RTCP on either side. */
const portsPerCall = 4;

/** The keys that this release accepts but does not yet act on, as one reads them from a configuration. */
const unbuiltKeys: readonly (readonly [key: string, what: string, read: (config: Config) => unknown])[] = [
  ['monitoring.scrape_interval', 'costly gauges are', ({ monitoring }) => monitoring.scrape_interval],
  ['api.allow', 'the REST API is', ({ api }) => api.allow],
  ['api.tls', 'the REST API is', ({ api }) => api.tls],
  ['hep', 'sending to a HEP server is', ({ hep }) => hep],
];

/** One line for each key whose capability is not built yet, where somebody set it away from its default. It stops nothing. */
export function unbuiltCapabilities(config: Config): string[] {
  const lines = unbuiltKeys
    .filter(([, , read]) => !isDeepStrictEqual(read(config), read(defaultConfig)))
    .map(([key, what]) => `${key} has no effect: ${what} not built yet`);
  if (!config.storage.url.startsWith('sqlite:'))
    lines.push('storage.url: PostgreSQL is not built yet, the embedded store is used instead');
  return lines;
}
