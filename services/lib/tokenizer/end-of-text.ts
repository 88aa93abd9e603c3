// Which token ends a document.

import { DdkError } from '#base';
import { isObject } from './definition.js';

/** Tried in this order where tokenizer_config.json names none. */
const wellKnownNames: readonly string[] = [
  '<|endoftext|>',
  '<|end_of_text|>',
  '</s>',
  '<eos>',
  '<|eos|>',
  '<｜end▁of▁sentence｜>',
  '<|im_end|>',
  '<|eot_id|>',
];

/**
 * The id of the end-of-text token: `eos_token` of tokenizer_config.json where it is set, else the first well-known
 * name in the vocabulary. Throws `failed_precondition` naming what was looked for.
 */
export function findEndOfText(
  vocabulary: { tokenId(token: string): number | undefined },
  config: unknown,
  where: string,
): number {
  const named = eosToken(config);
  if (named !== undefined) {
    const id = vocabulary.tokenId(named);
    if (id !== undefined) return id;
    throw new DdkError(
      'failed_precondition',
      `The end-of-text token ${JSON.stringify(named)} named as eos_token in the tokenizer_config.json beside ` +
        `${where} is not in its vocabulary; correct eos_token.`,
    );
  }
  for (const name of wellKnownNames) {
    const id = vocabulary.tokenId(name);
    if (id !== undefined) return id;
  }
  throw new DdkError(
    'failed_precondition',
    `${where} has no end-of-text token: none of ${wellKnownNames.join(' ')} is in its vocabulary and no ` +
      'tokenizer_config.json beside it sets eos_token; add one that does.',
  );
}

/** `eos_token` is a string or an object with the string as `content`. */
function eosToken(config: unknown): string | undefined {
  if (!isObject(config)) return undefined;
  const { eos_token: eos } = config;
  if (typeof eos === 'string') return eos;
  return isObject(eos) && typeof eos.content === 'string' ? eos.content : undefined;
}
