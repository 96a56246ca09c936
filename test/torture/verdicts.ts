/**
 * What our parser makes of each torture message: RFC 4475 (`rfc4475/`) and RFC 5118 (`rfc5118/`), one entry per file.
 *
 * The files are the octets of the archives in the RFCs' appendices, with two repairs: the archive of RFC 5118 has bare
 * line feeds (here CRLF), and three messages (RFC 4475 baddn, both of RFC 5118 section 4.10) lack the empty line after
 * their headers there. Content-Length values are as printed.
 *
 * Where an RFC lets an element choose between refusing and guessing what was meant, we guess if the guess is
 * unambiguous: a phone that cannot call is worse than a space too many.
 */

/** What must be read out of an accepted message; only the facts that the message was made to test are listed. */
export interface Facts {
  readonly method?: string;
  readonly status?: number;
  readonly reason?: string;
  /** The Request-URI as written back. */
  readonly uri?: string;
  readonly uriKind?: 'sip' | 'tel' | 'other';
  readonly user?: string | null;
  readonly password?: string | null;
  readonly host?: string;
  readonly port?: number | null;
  /** What follows `?` in the Request-URI. */
  readonly uriHeaders?: string | null;
  readonly fromName?: string | null;
  /** User part of the From URI, unescaped. */
  readonly fromUser?: string | null;
  readonly fromTag?: string | null;
  /** Parameters of the From header, names in lower case. */
  readonly fromParams?: Readonly<Record<string, string | null>>;
  readonly toName?: string | null;
  /** The To URI as written back. */
  readonly toUri?: string;
  readonly toTag?: string | null;
  readonly callId?: string;
  readonly cseq?: number;
  readonly maxForwards?: number | null;
  /** Each Via as "transport host" or "transport host:port", topmost first. */
  readonly vias?: readonly string[];
  readonly viaCount?: number;
  readonly branch?: string | null;
  readonly received?: string | null;
  /** The URIs of all Contacts as written back. */
  readonly contacts?: readonly string[];
  readonly contactUsers?: readonly (string | null)[];
  readonly contactNames?: readonly (string | null)[];
  /** Parameters of the first Contact header value (not of its URI). */
  readonly contactParams?: Readonly<Record<string, string | null>>;
  readonly contactUriHeaders?: string | null;
  readonly routes?: readonly string[];
  readonly recordRoutes?: readonly string[];
  readonly require?: readonly string[];
  readonly contentType?: string;
  /** Raw values of single headers. */
  readonly header?: Readonly<Record<string, string>>;
  readonly absent?: readonly string[];
  /** Octets of body that belong to the message. */
  readonly body?: number;
}

interface Accept {
  readonly verdict: 'accept';
  /** Why, with the section. */
  readonly why: string;
  readonly facts: Facts;
  /** What the floors above the parser answer, where that is the point of the message; 'discard' for a response. */
  readonly uas?: number | 'discard';
}

interface Refuse {
  readonly verdict: 'refuse';
  readonly why: string;
  readonly status: 400 | 505;
  /** Whether enough was readable to send the response; left out where either will do. */
  readonly answerable?: boolean;
}

/** A response that is discarded. */
interface Drop {
  readonly verdict: 'drop';
  readonly why: string;
}

type Verdict = Accept | Refuse | Drop;

const accept = (why: string, facts: Facts, uas?: number | 'discard'): Accept =>
  uas === undefined ? { verdict: 'accept', why, facts } : { verdict: 'accept', why, facts, uas };
const refuse = (status: 400 | 505, why: string, answerable?: boolean): Refuse =>
  answerable === undefined ? { verdict: 'refuse', why, status } : { verdict: 'refuse', why, status, answerable };
const drop = (why: string): Drop => ({ verdict: 'drop', why });

const long = (text: string, count: number) => text.repeat(count);
const unusualMethod = "!interesting-Method0123456789_*+`.%indeed'~";
const unusualUser = "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*";

const rfc4475: Readonly<Record<string, Verdict>> = {
  // 3.1.1 valid messages
  wsinv: accept(
    '3.1.1.1: folding, white space and odd case everywhere, yet well-formed',
    {
      method: 'INVITE',
      uri: 'sip:vivekg@chair-dnrc.example.com;unknownparam',
      fromName: 'J Rosenberg \\"',
      fromTag: '98asjd8',
      toName: null,
      toTag: '1918181833n',
      callId: 'wsinv.ndaksdj@192.0.2.1',
      cseq: 9,
      maxForwards: 68,
      vias: ['UDP 192.0.2.2', 'TCP spindle.example.com', 'UDP 192.168.255.111'],
      branch: '390skdjuw',
      contactNames: ['Quoted string ""'],
      contactParams: { newparam: 'newvalue', secondparam: null, q: '0.33' },
      routes: ['sip:services.example.com;lr;unknownwith=value;unknown-no-value'],
      header: {
        Subject: '',
        NewFangledHeader: 'newfangled value continued newfangled value',
        UnknownHeaderWithUnusualValue: ';;,,;;,;',
      },
      body: 150,
    },
    481,
  ),
  intmeth: accept(
    '3.1.1.2: every character the grammar allows, UTF-8 and escaped control characters',
    {
      method: unusualMethod,
      user: unusualUser,
      password: "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)",
      host: 'example.com',
      toName: 'BEL:\u0007 NUL:\u0000 DEL:\u007f',
      fromName: "token1~` token2'+_ token3*%!.-",
      fromTag: "_token~1'+`*%!-.",
      fromParams: { "fromparam''~+*_!.-%": 'работающий', tag: "_token~1'+`*%!-." },
      callId: 'intmeth.word%ZK-!.*_+\'@word`~)(><:\\/"][?}{',
      cseq: 139122385,
      maxForwards: 255,
      branch: "z9hG4bK-.!%66*_+`'~",
      header: { "extensionHeader-!.%*+_`'~": '\ufeff大停電' },
      body: 0,
    },
    501,
  ),
  esc01: accept('3.1.1.3: % escapes in users and URI parameters stand for characters', {
    method: 'INVITE',
    user: 'sips:user@example.com',
    host: 'example.net',
    fromUser: 'I have spaces',
    contactUsers: ['caller'],
    body: 150,
  }),
  escnull: accept(
    '3.1.1.4: escaped nulls are part of the user, so these are two contacts',
    { method: 'REGISTER', fromUser: 'null-\0-null', contactUsers: ['\0', '\0\0'], body: 0 },
    200,
  ),
  esc02: accept(
    '3.1.1.5: % is an ordinary character in methods, header names and display names',
    {
      method: 'RE%47IST%45R',
      toName: '%Z%45',
      branch: 'z9hG4bK209%fzsnel234',
      contacts: ['sip:alias1@host1.example.com', 'sip:alias3@host3.example.com'],
      header: { 'C%6Fntact': '<sip:alias2@host2.example.com>' },
    },
    501,
  ),
  lwsdisp: accept('3.1.1.6: no space is needed between display name and <', {
    method: 'OPTIONS',
    fromName: 'caller',
    fromUser: 'caller',
    fromTag: '323',
  }),
  longreq: accept('3.1.1.7: long values in nearly every field, 34 Vias', {
    method: 'INVITE',
    toName: `I have a user name of ${long('extreme', 10)} proportion`,
    toUri:
      `sip:user@example.com:6000;unknownparam1=very${long('long', 20)}value` +
      `;longparam${long('name', 25)}=shortvalue;very${long('long', 25)}parameternamewithnovalue`,
    fromUser: long('amazinglylongcallername', 5),
    fromTag: `12${long('982', 50)}424`,
    callId: `longreq.one${long('really', 20)}longcallid`,
    cseq: 3882340,
    viaCount: 34,
    contactUsers: [long('amazinglylongcallername', 5)],
    body: 150,
  }),
  dblreq: accept('3.1.1.8: octets after Content-Length in a datagram are ignored (RFC 3261 section 18.3)', {
    method: 'REGISTER',
    callId: 'dblreq.0ha0isndaksdj99sdfafnl3lk233412',
    contacts: ['sip:j.user@host.example.com'],
    body: 0,
  }),
  semiuri: accept('3.1.1.9: the semicolon belongs to the user part, not to URI parameters', {
    method: 'OPTIONS',
    user: 'user;par=u@example.net',
    host: 'example.com',
    header: {
      Accept:
        'application/sdp, application/pkcs7-mime, multipart/mixed, multipart/signed, message/sip, message/sipfrag',
    },
  }),
  transports: accept('3.1.1.10: an unknown transport in a Via is no error', {
    vias: [
      'UDP t1.example.com',
      'SCTP t2.example.com',
      'TLS t3.example.com',
      'UNKNOWN t4.example.com',
      'TCP t5.example.com',
    ],
    callId: 'transports.kijh4akdnaqjkwendsasfdj',
  }),
  mpart01: accept('3.1.1.11: a multipart body with binary parts and null octets', {
    method: 'MESSAGE',
    contentType: 'multipart/mixed',
    routes: ['sip:127.0.0.1:5080'],
    vias: ['UDP 127.0.0.1:5070'],
    body: 553,
  }),
  unreason: accept('3.1.1.12: a reason phrase is free text in UTF-8', {
    status: 200,
    reason: '= 2**3 * 5**2 но сто девяносто девять - простое',
    body: 154,
  }),
  noreason: accept('3.1.1.13: a reason phrase may be empty', { status: 100, reason: '', body: 0 }),

  // 3.1.2 invalid messages
  badinv01: refuse(400, '3.1.2.1: separators without anything between them in the topmost Via'),
  clerr: refuse(400, '3.1.2.2: Content-Length beyond the end of the datagram', true),
  ncl: refuse(400, '3.1.2.3: a negative Content-Length', true),
  scalar02: refuse(400, '3.1.2.4: a CSeq number over 2**31-1 cannot be answered for', true),
  scalarlg: drop('3.1.2.5: a response whose CSeq number cannot be ours'),
  quotbal: refuse(400, '3.1.2.6: where an unterminated quoted string ends is guesswork', true),
  ltgtruri: refuse(400, '3.1.2.7: a Request-URI has no angle brackets', true),
  lwsruri: refuse(400, '3.1.2.8: white space within the Request-URI', true),
  lwsstart: accept('3.1.2.9: more than one space in the request line may be ignored', {
    method: 'INVITE',
    uri: 'sip:user@example.com',
    cseq: 1893884,
    body: 150,
  }),
  trws: accept('3.1.2.10: spaces at the end of the request line may be ignored', {
    method: 'OPTIONS',
    uri: 'sip:remote-target@example.com',
    cseq: 238923,
  }),
  escruri: accept('3.1.2.11: headers escaped in a Request-URI may be ignored and never become headers', {
    method: 'INVITE',
    user: 'user',
    host: 'example.com',
    uriHeaders: 'Route=%3Csip:example.com%3E',
    absent: ['Route'],
  }),
  baddate: accept('3.1.2.12: an unusable Date may be ignored; nothing depends on it', {
    method: 'INVITE',
    header: { Date: 'Fri, 01 Jan 2010 16:00:00 EST' },
    body: 150,
  }),
  regbadct: accept('3.1.2.13: missing angle brackets may be inferred where that is unambiguous', {
    method: 'REGISTER',
    contactUsers: ['user'],
    contactUriHeaders: 'Route=%3Csip:sip.example.com%3E',
    absent: ['Route'],
  }),
  badaspec: accept('3.1.2.14: spaces inside the angle brackets may be ignored', {
    toName: 'Watson, Thomas',
    toUri: 'sip:t.watson@example.org',
    toTag: null,
    fromName: 'Bell, Alexander',
  }),
  baddn: accept('3.1.2.15: the missing quotes may be inferred: From and To hold one value, so the comma is no list', {
    fromName: 'Bell, Alexander',
    fromUser: 'a.g.bell',
    fromTag: '43',
    toName: 'Watson, Thomas',
  }),
  badvers: refuse(505, '3.1.2.16: another version of SIP', true),
  mismatch01: refuse(400, '3.1.2.17: the method in CSeq is not that of the request', true),
  mismatch02: refuse(400, '3.1.2.18: the same with an unknown method', true),
  bigcode: drop('3.1.2.19: a status code of more than three digits'),

  // 3.2 transaction layer
  badbranch: accept('3.2.1: nothing after the magic cookie; the transaction is found by the RFC 2543 rules', {
    method: 'OPTIONS',
    branch: 'z9hG4bK',
  }),

  // 3.3 application layer
  insuf: refuse(400, '3.3.1: no Call-ID, From, To; and so nothing to answer to', false),
  unkscm: accept(
    '3.3.2: an unknown URI scheme is for the layers above',
    { uriKind: 'other', uri: 'nobodyKnowsThisScheme:totallyopaquecontent' },
    416,
  ),
  novelsc: accept(
    '3.3.3: a known scheme that is no telephone address',
    { uriKind: 'other', uri: 'soap.beep://192.0.2.103:3002' },
    416,
  ),
  unksm2: accept(
    '3.3.4: unknown schemes in To, From and Contact are syntactically valid; the registrar needs a SIP address',
    { toUri: 'isbn:2983792873', fromTag: '3234233', contacts: ['name:John_Smith'] },
    400,
  ),
  bext01: accept(
    '3.3.5: well-formed; options that nobody supports',
    { require: ['nothingSupportsThis', 'nothingSupportsThisEither'] },
    420,
  ),
  invut: accept(
    '3.3.6: well-formed; a body of unknown type',
    { contentType: 'application/unknownformat', body: 40 },
    415,
  ),
  regaut01: accept(
    '3.3.7: well-formed; an unknown authorization scheme counts as no credentials',
    { header: { Authorization: 'NoOneKnowsThisScheme opaque-data=here' } },
    401,
  ),
  multi01: refuse(400, '3.3.8: fields that may occur once occur twice, with different values', true),
  mcl01: refuse(400, '3.3.9: two lengths, two possible messages', true),
  bcast: accept(
    '3.3.10: well-formed; a response with a second Via is not for us (RFC 3261 section 8.1.3.3)',
    { status: 200, vias: ['UDP 192.0.2.198', 'UDP 255.255.255.255'], body: 154 },
    'discard',
  ),
  zeromf: accept('3.3.11: Max-Forwards 0 forbids forwarding, not answering', { method: 'OPTIONS', maxForwards: 0 }),
  cparam01: accept(
    '3.3.12: without angle brackets the parameter belongs to the header',
    { contacts: ['sip:+19725552222@gw1.example.net'], contactParams: { unknownparam: null } },
    200,
  ),
  cparam02: accept(
    '3.3.13: within angle brackets it belongs to the URI',
    { contacts: ['sip:+19725552222@gw1.example.net;unknownparam'], contactParams: {} },
    200,
  ),
  regescrt: accept(
    '3.3.14: headers escaped in a Contact stay in the Contact',
    { contactUsers: ['user'], contactUriHeaders: 'Route=%3Csip:sip.example.com%3E', absent: ['Route'] },
    200,
  ),
  sdp01: accept(
    '3.3.15: well-formed; accepts no body we could answer with',
    { header: { Accept: 'text/nobodyKnowsThis' }, body: 150 },
    406,
  ),

  // 3.4 backward compatibility
  inv2543: accept('3.4.1: RFC 2543 had no branch, no From tag, no Max-Forwards and needed no Content-Length', {
    method: 'INVITE',
    user: 'UserB',
    branch: null,
    fromTag: null,
    toTag: null,
    toUri: 'sip:+16505552222@ss1.example.net',
    maxForwards: null,
    recordRoutes: ['sip:UserB@example.com;maddr=ss1.example.com'],
    body: 105,
  }),
};

const caller = { vias: ['UDP 2001:db8::9:1'], contacts: ['sip:caller@[2001:db8::1]'], contactNames: ['Caller'] };

const rfc5118: Readonly<Record<string, Verdict>> = {
  'ipv6-good': accept('4.1: IPv6 references in Request-URI, Via and Contact', {
    method: 'REGISTER',
    host: '2001:db8::10',
    port: null,
    uri: 'sip:[2001:db8::10]',
    ...caller,
  }),
  'ipv6-bad': refuse(400, '4.2: an IPv6 address without brackets', true),
  'port-ambiguous': accept('4.3: within the brackets everything is address', {
    host: '2001:db8::10:5070',
    port: null,
    uri: 'sip:[2001:db8::10:5070]',
    ...caller,
  }),
  'port-unambiguous': accept('4.4: after the brackets comes the port', {
    host: '2001:db8::10',
    port: 5070,
    uri: 'sip:[2001:db8::10]:5070',
    ...caller,
  }),
  'via-received-param-with-delim': accept('4.5: received with brackets is accepted although the grammar has none', {
    method: 'BYE',
    vias: ['UDP 2001:db8::9:1'],
    received: '[2001:db8::9:255]',
    branch: 'z9hG4bKas3-111',
  }),
  'via-received-param-no-delim': accept('4.5: received without brackets is what the grammar says', {
    method: 'OPTIONS',
    vias: ['UDP 2001:db8::9:1'],
    received: '2001:db8::9:255',
    branch: 'z9hG4bKas3',
  }),
  'ipv6-in-sdp': refuse(400, '4.6: printed with a Content-Length beyond its body (RFC 3261 section 18.3)', true),
  'mult-ip-in-header': accept('4.7: IPv4 and IPv6 side by side in the Vias', {
    method: 'BYE',
    vias: ['UDP [2001:db8::9:1]:6050', 'UDP 192.0.2.1', 'TCP 2001:db8::9:255'],
  }),
  'mult-ip-in-sdp': accept('4.8: IPv4 and IPv6 side by side in the SDP', {
    method: 'INVITE',
    host: '2001:db8::10',
    contentType: 'application/sdp',
    body: 181,
  }),
  'ipv4-mapped-ipv6': accept('4.9: IPv4-mapped addresses are addresses', {
    method: 'INVITE',
    vias: ['UDP [::ffff:192.0.2.10]:19823', 'UDP ::ffff:192.0.2.2'],
    contacts: ['sip:ted@[::ffff:192.0.2.2]'],
    contactNames: ['T. desk phone'],
    body: 236,
  }),
  'ipv6-bug-abnf-3-colons': accept('4.10: a third colon, as the grammar of RFC 3261 has it by mistake, is tolerated', {
    method: 'OPTIONS',
    user: 'user',
    cseq: 689,
  }),
  'ipv6-correct-abnf-2-colons': accept('4.10: the same, written correctly', {
    method: 'OPTIONS',
    user: 'user',
    host: '2001:db8::192.0.2.1',
    port: null,
  }),
};

/** File (relative, without `.dat`) → verdict. */
export const verdicts: Readonly<Record<string, Verdict>> = Object.fromEntries([
  ...Object.entries(rfc4475).map(([name, verdict]) => [`rfc4475/${name}`, verdict]),
  ...Object.entries(rfc5118).map(([name, verdict]) => [`rfc5118/${name}`, verdict]),
]);
