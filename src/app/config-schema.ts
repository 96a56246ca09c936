import { brokenRules } from './config-rules.ts';
import { type Config, configSections } from './config-sections.ts';

export type { Config } from './config-sections.ts';

/**
 * The schema of the whole configuration: sections, keys, ranges, defaults, and the rules between keys.
 * An issue of such a rule carries the keys it depends on as `params.with`.
 */
export const configSchema = configSections.superRefine((config, context) => {
  for (const { key, reason, with: others } of brokenRules(config)) {
    // List positions are numbers in the paths of issues.
    const path = key.map((part) => (/^\d+$/.test(part) ? Number(part) : part));
    context.addIssue({ code: 'custom', path, message: reason, params: { with: others } });
  }
});

/** The configuration of somebody who has configured nothing. */
export const defaultConfig: Config = configSchema.parse({});
