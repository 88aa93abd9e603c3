// The printable character that stands for each byte in byte-level vocabularies (GPT-2's table).

/**
 * Bytes that print as a character of their own keep it; the others take characters from U+0100 on, in order.
 * Index: byte. Source: `bytes_to_unicode` of the GPT-2 encoder.
 */
export const symbolOfByte: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const prints =
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
    return String.fromCharCode(prints ? byte : next++);
  });
})();
