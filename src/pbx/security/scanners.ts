import type { SipRequest } from '../../sip/message/index.ts';

/**
 * How programs that look for exchanges to abuse name themselves in User-Agent: the beginning, in lower case. Tools that
 * administrators use as well (sipsak, SIPp) are not among them.
 */
const scannerAgents = [
  'friendly-request',
  'friendly-scanner',
  'iwar',
  'pplsip',
  'sip-scan',
  'siparmyknife',
  'sipcli',
  'sipscan',
  'sipv', // sipvicious
  'sivus',
  'smap',
  'sundayddr',
  'vaxipuseragent',
  'vaxsipuseragent',
] as const;

/** The letters that those begin with: who begins otherwise is not compared further. */
const beginnings: ReadonlySet<string> = new Set(scannerAgents.map((name) => name.charAt(0)));

/** What they write into From and To, whatever they call themselves: svmap of SIPVicious, and the probe of nmap. */
const scannerName = '"sipvicious"';
const scannerHosts = ['1.1.1.1>', 'nm>', 'nm2>'] as const;

/** Whether a request comes from a known scanner, which is to hear nothing. Reads no field further than to find such a mark. */
export function isFromScanner({ headers }: Pick<SipRequest, 'headers'>): boolean {
  return isScanner(headers.get('User-Agent')) || bearsMark(headers.get('From')) || bearsMark(headers.get('To'));
}

function isScanner(agent: string | undefined): boolean {
  if (agent === undefined || !beginnings.has(agent.charAt(0).toLowerCase())) return false;
  const start = agent.slice(0, 20).toLowerCase();
  return scannerAgents.some((name) => start.startsWith(name));
}

function bearsMark(address: string | undefined): boolean {
  if (address === undefined) return false;
  const host = address.indexOf('@') + 1;
  return address.startsWith(scannerName) || scannerHosts.some((name) => address.startsWith(name, host));
}
