// Work that nobody could do is told on the bus, as it was, with the reason.

import type { BusMessage } from './types.js';

const maxReasonLength = 1000;

/** Where the dead letters of a queue are published: subscribe to it. */
export function deadLetterSubject(queue: string): string {
  return `ddk.dead.${queue}`;
}

/** The message as it was, under the dead letters' subject, with `ddk-dead-*` headers that say why. */
export function deadLetter(
  queue: string,
  message: BusMessage,
  why: { readonly reason: string; readonly attempts: number },
): BusMessage {
  return {
    ...message,
    subject: deadLetterSubject(queue),
    headers: {
      ...message.headers,
      'ddk-dead-reason': headerText(why.reason),
      'ddk-dead-attempts': String(why.attempts),
      'ddk-dead-subject': message.subject,
    },
  };
}

/** A header is one line. */
function headerText(text: string): string {
  const line = text.replace(/\p{Cc}+/gu, ' ').trim();
  return line.length > maxReasonLength ? `${line.slice(0, maxReasonLength)}…` : line;
}

const firstRetryMs = 1000;
const longestRetryMs = 30_000;

/** How long a delivery whose handler threw waits before the next attempt: 1 s, 2 s, 4 s, ... 30 s. */
export function retryDelayMs(attempt: number): number {
  return Math.min(longestRetryMs, firstRetryMs * 2 ** (attempt - 1));
}
