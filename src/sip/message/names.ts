/** What is known of a header field by its name. */
export interface HeaderName {
  /** The long name as the RFCs write it. */
  readonly name: string;
  /** The long name in lower case: what names are compared by. */
  readonly key: string;
  readonly compact: string | null;
  /** Several values may stand in one line, separated by commas. */
  readonly list: boolean;
  /** A bit for fields that must not occur twice with different values; 0 for all others. */
  readonly once: number;
}

const lists = [
  ['Accept'],
  ['Accept-Contact', 'a'],
  ['Accept-Encoding'],
  ['Accept-Language'],
  ['Alert-Info'],
  ['Allow'],
  ['Allow-Events', 'u'],
  ['Call-Info'],
  ['Contact', 'm'],
  ['Content-Encoding', 'e'],
  ['Content-Language'],
  ['Diversion'],
  ['Error-Info'],
  ['History-Info'],
  ['In-Reply-To'],
  ['P-Asserted-Identity'],
  ['P-Associated-URI'],
  ['P-Preferred-Identity'],
  ['Path'],
  ['Proxy-Require'],
  ['Reason'],
  ['Record-Route'],
  ['Recv-Info'],
  ['Reject-Contact', 'j'],
  ['Require'],
  ['Resource-Priority'],
  ['Route'],
  ['Security-Client'],
  ['Security-Server'],
  ['Security-Verify'],
  ['Service-Route'],
  ['Supported', 'k'],
  ['Unsupported'],
  ['Via', 'v'],
  ['Warning'],
] as const;

const once = [
  ['Call-ID', 'i'],
  ['Content-Length', 'l'],
  ['Content-Type', 'c'],
  ['CSeq'],
  ['From', 'f'],
  ['Max-Forwards'],
  ['To', 't'],
] as const;

const others = [
  ['Answer-Mode'],
  ['Authentication-Info'],
  ['Authorization'],
  ['Content-Disposition'],
  ['Date'],
  ['Event', 'o'],
  ['Expires'],
  ['Identity', 'y'],
  ['Info-Package'],
  ['Join'],
  ['Max-Breadth'],
  ['MIME-Version'],
  ['Min-Expires'],
  ['Min-SE'],
  ['Organization'],
  ['P-Access-Network-Info'],
  ['P-Charging-Vector'],
  ['Priority'],
  ['Privacy'],
  ['Proxy-Authenticate'],
  ['Proxy-Authorization'],
  ['RAck'],
  ['Refer-Sub'],
  ['Refer-To', 'r'],
  ['Referred-By', 'b'],
  ['Remote-Party-ID'],
  ['Replaces'],
  ['Reply-To'],
  ['Request-Disposition', 'd'],
  ['Retry-After'],
  ['RSeq'],
  ['Server'],
  ['Session-Expires', 'x'],
  ['Session-ID'],
  ['SIP-ETag'],
  ['SIP-If-Match'],
  ['Subject', 's'],
  ['Subscription-State'],
  ['Target-Dialog'],
  ['Timestamp'],
  ['User-Agent'],
  ['User-to-User'],
  ['WWW-Authenticate'],
] as const;

/** By every spelling that is common, so that lower-casing is the exception. */
const spellings = new Map<string, HeaderName>();

function register(entries: readonly (readonly [string, string?])[], list: boolean, onceOnly: boolean): void {
  entries.forEach(([name, compact = null], index) => {
    const key = name.toLowerCase();
    const entry: HeaderName = { name, key, compact, list, once: onceOnly ? 1 << index : 0 };
    for (const spelling of [name, key, name.toUpperCase()]) spellings.set(spelling, entry);
    if (compact !== null) spellings.set(compact, entry).set(compact.toUpperCase(), entry);
  });
}
register(lists, true, false);
register(once, false, true);
register(others, false, false);

/** What is known of the header field `name` in any case, long or compact (RFC 3261 section 7.3.3). */
export function headerName(name: string): HeaderName | undefined {
  return spellings.get(name) ?? spellings.get(name.toLowerCase());
}

/** The long form of a header field's name in lower case. */
export function canonicalName(name: string): string {
  return headerName(name)?.key ?? name.toLowerCase();
}
