import { readdirSync, statSync } from 'node:fs';
import { loadNativeAddon, type NativeAddon } from '../../src/media/index.ts';

const sources = new URL('../../native/src/', import.meta.url);
const built = new URL('../../native/build/Release/relay.node', import.meta.url);

/** Why there is no build of the sources as they are; null where there is one. */
function staleness(): string | null {
  const builtAt = statSync(built).mtimeMs;
  const newer = readdirSync(sources).find((file) => statSync(new URL(file, sources)).mtimeMs > builtAt);
  return newer === undefined ? null : `${newer} is newer than the build`;
}

/** The addon where it is built from the sources as they are; else null, which one line says, and which in CI is a fault. */
export function builtAddon(): NativeAddon | null {
  const loaded = loadNativeAddon();
  const reason = loaded.addon ? staleness() : loaded.reason;
  if (reason === null) return loaded.addon;
  if (process.env['CI'] === 'true') throw new Error(`the native relay is not built: ${reason}`);
  console.log(`the native relay is not tested (${reason}): npm run build:native`);
  return null;
}
