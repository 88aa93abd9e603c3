// A text that takes tokenizers apart: scripts, emoji, white space, numbers, code, and strings that look special.

/**
 * Two tokenizers that give the same ids for this text agree on normalisation, splitting, merges, byte fallback and
 * handling of white space.
 */
export const probeText: string = [
  'The quick brown fox jumps over the lazy dog, twice; "quoted" text, isn\'t it? WE\'LL SEE.',
  '  two spaces   three\ttab\t\ttabs \n\n\n three lines, trailing   \r\n carriage return\u00a0no-break\u3000wide',
  '0 12 345 6789 1,234,567.89 1e-10 0x1F 2026-01-31 192.168.0.1 +49 (0)30 ½ ² ٣ ४ 五',
  'Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. Où êtes-vous, garçon ? ¿Qué? Łódź, İstanbul, ß ẞ',
  'Съешь ещё этих мягких булок. Ξεσκεπάζω τὴν ψυχοφθόρα βδελυγμία. דג סקרן שט בים. نص حكيم له سر قاطع',
  'ऋषियों को सताने वाले। เป็นมนุษย์สุดประเสริฐ いろはにほへと 片仮名カタカナ 天地玄黃宇宙洪荒 다람쥐 헌 쳇바퀴에 타고파 አማርኛ ქართული',
  '😀 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪 ☃️ ∑∫√∞≠ ﬁ ﷺ \u0065\u0301 \u00e9 Z͑ͫ̓ͪ \u200b\u200d\ufeff\ufffd',
  'def f(x: int) -> int:\n    """doc"""\n    return x**2 if x >= 0 else -x  # comment\n',
  'const f = async <T,>(x?: T[]) => { await g(`\u0024{x?.length ?? 0}`); }; // ===\n\tif (a && !b || c) { i++; }\n',
  '<div class="a b">&amp;</div> {"k": [1, null, true]} https://example.org/a?b=c#d user@example.org C:\\dir\\file.txt',
  '▁ Ġ Ċ ## @@ </w> <s> </s> <pad> [CLS] [MASK] <0x41> _under__score_ camelCaseWord SCREAMING-KEBAB a.b.c',
].join('\n');
