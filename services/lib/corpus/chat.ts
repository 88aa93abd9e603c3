// Conversations as text: which characters stand around a turn, and which of them the student learns.

import type { Tokenizer } from '#tokenizer';

export interface Message {
  readonly role: string;
  readonly content: string;
}

/**
 * `chatml`: `<|im_start|>user\nHello<|im_end|>\n`, for tokenizers that have the two tokens.
 * `plain`: `User: Hello\n\n`, for the others.
 */
export type ChatStyle = 'chatml' | 'plain';

export interface Turn {
  readonly text: string;
  readonly counted: boolean;
}

export function chatStyle(tokenizer: Pick<Tokenizer, 'tokenId'>): ChatStyle {
  const has = (token: string) => tokenizer.tokenId(token) !== undefined;
  return has('<|im_start|>') && has('<|im_end|>') ? 'chatml' : 'plain';
}

/** Turns as text in order. What the assistant says counts, with the mark that ends it, so that it learns to stop. */
export function renderChat(messages: readonly Message[], style: ChatStyle): Turn[] {
  return messages.flatMap(templates[style]);
}

const templates: Readonly<Record<ChatStyle, (message: Message) => Turn[]>> = {
  chatml: ({ role, content }) => [
    { text: `<|im_start|>${role}\n`, counted: false },
    { text: `${content}<|im_end|>`, counted: isLearned(role) },
    { text: '\n', counted: false },
  ],
  plain: ({ role, content }) => [
    { text: `${role.charAt(0).toUpperCase()}${role.slice(1)}: `, counted: false },
    { text: `${content}\n\n`, counted: isLearned(role) },
  ],
};

function isLearned(role: string): boolean {
  return role === 'assistant';
}
