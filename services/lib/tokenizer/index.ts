// Text to ids and back, as a tokenizer.json says; and whether two tokenizers are the same. The door of `#tokenizer`.
export { byteLevelTokenizerJson } from './byte-level.js';
export { assertSameTokenizer } from './same.js';
export {
  createTokenizer,
  openTokenizer,
  readTokenizer,
  type Tokenizer,
  type TokenizerContent,
  tokenizerFiles,
} from './tokenizer.js';
