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

/** What they write into From and To, whatever they call themselves: svmap of SIPVicious, and the probe of nmap. */
const scannerAddresses = ['sipvicious', 'sip:100@1.1.1.1>', 'sip:nm@nm>', 'sip:nm2@nm2>'] as const;

/** Whether a request comes from a known scanner, which is to hear nothing. Reads no field further than to find such a mark. */
export function isFromScanner({ headers }: Pick<SipRequest, 'headers'>): boolean {
  const agent = headers.get('User-Agent')?.slice(0, 20).toLowerCase();
  if (agent !== undefined && scannerAgents.some((name) => agent.startsWith(name))) return true;
  return bearsMark(headers.get('From')) || bearsMark(headers.get('To'));
}

function bearsMark(address: string | undefined): boolean {
  return address !== undefined && scannerAddresses.some((mark) => address.includes(mark));
}
