import { describe, expect, test } from 'vitest';
import { isStun, stunAnswer } from './stun.ts';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hex = (data: Uint8Array | null) => data && Buffer.from(data).toString('hex');

const transaction = 'b7e7a701bc34d686fa87dfae';
const request = bytes(`0001 0000 2112a442 ${transaction}`);

describe('STUN on the SIP port (RFC 5626 §4.4.2)', () => {
  test('tells an IPv4 peer its address, as the sample response has it (RFC 5769 §2.2)', () => {
    const answer = stunAnswer(request, { address: '192.0.2.1', port: 32_853 });
    expect(hex(answer)).toBe(`0101000c2112a442${transaction}002000080001a147e112a643`);
  });

  test('tells an IPv6 peer its address, as the sample response has it (RFC 5769 §2.3)', () => {
    const answer = stunAnswer(request, { address: '2001:db8:1234:5678:11:2233:4455:6677', port: 32_853 });
    expect(hex(answer)).toBe(`010100182112a442${transaction}002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9`);
  });

  test('a shortened IPv6 address is its 16 bytes', () => {
    const short = stunAnswer(request, { address: '2001:db8::1', port: 1 });
    const long = stunAnswer(request, { address: '2001:db8:0:0:0:0:0:1', port: 1 });
    expect(hex(short)).toBe(hex(long));
  });

  test.each([
    ['an indication', `0011 0000 2112a442 ${transaction}`],
    ['a length that is not its own', `0001 0004 2112a442 ${transaction}`],
  ])('%s gets no answer', (_, text) => {
    expect(stunAnswer(bytes(text), { address: '192.0.2.1', port: 1 })).toBeNull();
  });

  test('is told from SIP by its first bits and its cookie (RFC 5389 §6)', () => {
    expect(isStun(request)).toBe(true);
    expect(isStun(bytes(`0001 0000 00000000 ${transaction}`))).toBe(false);
    expect(isStun(request.subarray(0, 19))).toBe(false);
    expect(isStun(Buffer.from('OPTIONS sip:pbx.example SIP/2.0\r\n'))).toBe(false);
  });
});
