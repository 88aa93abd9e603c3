// The byte-level tokenizer: 256 bytes and one end-of-text token, no merges. Any text, 257 ids.

import { symbolOfByte } from './byte-symbols.js';

/** The token that ends a document in tokenizers of the GPT-2 family. */
const endOfTextToken = '<|endoftext|>';

/**
 * A complete tokenizer.json in the format of Python's `tokenizers`: a byte's id is its value, and `<|endoftext|>` is 256.
 */
export function byteLevelTokenizerJson(): string {
  const vocab = Object.fromEntries([...symbolOfByte, endOfTextToken].map((symbol, id) => [symbol, id]));
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
  return `${JSON.stringify(
    {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [
        {
          id: 256,
          content: endOfTextToken,
          single_word: false,
          lstrip: false,
          rstrip: false,
          normalized: false,
          special: true,
        },
      ],
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: null,
      decoder: byteLevel,
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab,
        merges: [],
      },
    },
    null,
    1,
  )}\n`;
}
