import { Accept, type SipRequest } from '../../sip/message/index.ts';

/** Whether `request` takes a body of `type`, `application/dialog-info+xml`; one without Accept takes what its package sends. */
export function takes(request: SipRequest, type: string): boolean {
  const ranges = request.headers.all(Accept).filter((range) => range !== '');
  if (ranges.length === 0) return true;
  const [family = ''] = type.split('/');
  // The most exact range that fits decides (RFC 3261 §20.1, RFC 9110 §12.5.1).
  const wishes = new Map(ranges.map(readRange));
  const wish = wishes.get(type) ?? wishes.get(`${family}/*`) ?? wishes.get('*/*');
  return wish ?? false;
}

function readRange(text: string): readonly [range: string, wanted: boolean] {
  const [range = '', ...params] = text.split(';').map((part) => part.trim().toLowerCase());
  return [range.replaceAll(' ', ''), !params.some((param) => /^q\s*=\s*0(\.0*)?$/.test(param))];
}
