// ASN.1 in DER, as far as certificates need it: tag, length, content.

export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const size = length < 0x100 ? Buffer.of(0x81, length) : Buffer.of(0x82, length >> 8, length & 0xff);
  return Buffer.concat([Buffer.of(tag), size, content]);
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
export const set = (...parts: readonly Uint8Array[]): Buffer => der(0x31, ...parts);
export const boolean = (value: boolean): Buffer => der(0x01, Buffer.of(value ? 0xff : 0));
export const octets = (content: Uint8Array): Buffer => der(0x04, content);
/** The last `unused` bits are no part of it. */
export const bits = (content: Uint8Array, unused = 0): Buffer => der(0x03, Buffer.of(unused), content);
export const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text));
/** `[n]` with other values inside. */
export const tagged = (n: number, ...parts: readonly Uint8Array[]): Buffer => der(0xa0 | n, ...parts);
/** `[n]` in place of the tag of a plain value. */
export const implicit = (n: number, content: Uint8Array): Buffer => der(0x80 | n, content);

/** Not negative; a leading zero keeps the first bit from being a sign. */
export const integer = (bytes: Uint8Array): Buffer =>
  der(0x02, bytes[0]! < 0x80 ? bytes : Buffer.concat([Buffer.of(0), bytes]));

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const base128 = (value: number): number[] => {
    const low = [value & 0x7f];
    for (let high = value >> 7; high > 0; high >>= 7) low.unshift((high & 0x7f) | 0x80);
    return low;
  };
  return der(0x06, Buffer.from([40 * first + second, ...rest.flatMap(base128)]));
}

/** GeneralizedTime, to the second. */
export function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '');
  return der(0x18, Buffer.from(text));
}
