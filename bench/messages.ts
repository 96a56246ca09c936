const encoder = new TextEncoder();

/** A session description as a desk phone writes it. */
export function sessionDescription(address: string, port: number, id = 1): string {
  return [
    'v=0',
    `o=- ${id} ${id} IN IP4 ${address}`,
    's=-',
    `c=IN IP4 ${address}`,
    't=0 0',
    `m=audio ${port} RTP/AVP 0 8 9 101`,
    'a=rtpmap:0 PCMU/8000',
    'a=rtpmap:8 PCMA/8000',
    'a=rtpmap:9 G722/8000',
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-16',
    'a=ptime:20',
    'a=sendrecv',
    '',
  ].join('\r\n');
}

/** A message from its start line and header fields; Content-Length is added. */
export function message(lines: readonly string[], body = ''): Uint8Array {
  return encoder.encode([...lines, `Content-Length: ${encoder.encode(body).length}`, '', body].join('\r\n'));
}

/** An INVITE of about 1,000 bytes, as a desk phone sends it. */
export function sampleInvite(): Uint8Array {
  return message(
    [
      'INVITE sip:1002@192.0.2.1:5060 SIP/2.0',
      'Via: SIP/2.0/UDP 192.0.2.77:5060;branch=z9hG4bK-524287-1---7d4a1be0c3f2;rport',
      'Max-Forwards: 70',
      'Contact: <sip:1001@192.0.2.77:5060;transport=udp>;+sip.instance="<urn:uuid:6c1a8a2e-2f4b-4f0e-9a3d-1d2c3b4a5968>"',
      'To: <sip:1002@192.0.2.1>',
      'From: "Alice Example" <sip:1001@192.0.2.1>;tag=5ef2a61b',
      'Call-ID: 84b4c76e66710@192.0.2.77',
      'CSeq: 102 INVITE',
      'Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE',
      'Content-Type: application/sdp',
      'Supported: replaces, path',
      'User-Agent: Example Phone 5.2.1',
      'Allow-Events: presence, kpml, talk',
    ],
    sessionDescription('192.0.2.77', 4000),
  );
}

/** An OPTIONS request, the `number`th. */
export function sampleOptions(number: number): Uint8Array {
  return message([
    'OPTIONS sip:192.0.2.1 SIP/2.0',
    `Via: SIP/2.0/UDP 192.0.2.77:5060;branch=z9hG4bK${number};rport`,
    'Max-Forwards: 70',
    'To: <sip:192.0.2.1>',
    'From: <sip:1001@192.0.2.1>;tag=5ef2a61b',
    `Call-ID: ${number}@192.0.2.77`,
    'CSeq: 1 OPTIONS',
  ]);
}
