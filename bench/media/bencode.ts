/** What the control protocol of rtpengine is written in: strings, lists and dictionaries. */
export type Bencoded = string | readonly Bencoded[] | { readonly [key: string]: Bencoded };

/** One byte a character, so that lengths are those of the bytes; text beyond ASCII has to be in UTF-8 already. */
export function bencode(value: Bencoded): string {
  if (typeof value === 'string') return `${value.length}:${value}`;
  if (Array.isArray(value)) return `l${value.map(bencode).join('')}e`;
  const entries = Object.entries(value).map(([key, of]) => bencode(key) + bencode(of));
  return `d${entries.join('')}e`;
}

/** Integers come as strings. Throws where it is not bencoded from its beginning to its end. */
export function bdecode(text: string): Bencoded {
  let at = 0;
  const value = read();
  if (at !== text.length) throw new Error(`more after the end at ${at}`);
  return value;

  function read(): Bencoded {
    const kind = text[at] ?? '';
    if (kind === 'i') {
      at++;
      return upTo('e');
    }
    if (kind === 'l') {
      at++;
      const list: Bencoded[] = [];
      while (text[at] !== 'e') list.push(read());
      at++;
      return list;
    }
    if (kind === 'd') {
      at++;
      const entries: [string, Bencoded][] = [];
      while (text[at] !== 'e') entries.push([readString(), read()]);
      at++;
      return Object.fromEntries(entries);
    }
    return readString();
  }

  function readString(): string {
    const digits = upTo(':');
    const length = Number(digits);
    if (digits === '' || !Number.isInteger(length) || at + length > text.length) throw new Error(`no string at ${at}`);
    at += length;
    return text.slice(at - length, at);
  }

  function upTo(mark: string): string {
    const end = text.indexOf(mark, at);
    if (end < 0) throw new Error(`no ${mark} after ${at}`);
    const found = text.slice(at, end);
    at = end + 1;
    return found;
  }
}
