import { readFile } from 'node:fs/promises';

/** Where Linux says which ports it gives to sockets that ask for none. */
const rangeFile = '/proc/sys/net/ipv4/ip_local_port_range';

/**
 * One line where ports of `pool` (the last excluded) are among those that the system gives to outgoing connections, which
 * may so take a call's port away; null where they are not, or where the system does not say (`file` is not there).
 */
export async function localPortsWarning(
  pool: { readonly start: number; readonly end: number },
  file = rangeFile,
): Promise<string | null> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const [, low, high] = /^\s*(\d+)\s+(\d+)/.exec(text) ?? [];
  if (low === undefined || high === undefined) return null;
  if (pool.start > Number(high) || pool.end <= Number(low)) return null;
  return `media.port_pool (${pool.start} to ${pool.end - 1}) overlaps the ports that the system gives to outgoing connections (${low} to ${high}, net.ipv4.ip_local_port_range): some may be taken when a call needs them`;
}
