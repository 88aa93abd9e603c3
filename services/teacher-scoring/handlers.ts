// The RPCs of TeacherScoringService.
import { DdkError } from '#base';
import type {
  DescribeModelResponse,
  ScoreSequencesRequest,
  ScoreSequencesResponse,
  TeacherScoringServiceService,
} from '#proto/ddk/v1/teacher_scoring';
import type { CallContext, Health, Implementation } from '#rpc';
import { inOrder } from './in-order.js';
import type { Scorer } from './scorer.js';
import { readOptions, readWindows, type ScoringLimits, type ScoringRequest } from './scoring-request.js';
import { untilDraining } from './until-draining.js';

/** What is served and where; how it is changes. */
export type ModelDescription = Omit<DescribeModelResponse, 'checks'>;

export interface HandlerParts {
  readonly scorer: Scorer;
  readonly limits: ScoringLimits;
  readonly description: ModelDescription;
  readonly health: Health;
}

/** Batches of one stream that are in hand at once: one in the session, one to follow it, one being packed or sent. */
const ahead = 3;

export function teacherHandlers(parts: HandlerParts): Implementation<typeof TeacherScoringServiceService> {
  return {
    async describeModel() {
      const { checks } = await parts.health.report();
      return { ...parts.description, checks: [...checks] };
    },
    scoreSequences: (requests, context) => scoreSequences(parts, requests, context),
  };
}

async function* scoreSequences(
  { scorer, limits, health }: HandlerParts,
  requests: AsyncIterable<ScoreSequencesRequest>,
  { signal }: CallContext,
): AsyncGenerator<ScoreSequencesResponse> {
  let request: ScoringRequest | undefined;
  const answer = async ({ message }: ScoreSequencesRequest): Promise<ScoreSequencesResponse | undefined> => {
    switch (message?.$case) {
      case undefined:
        throw new DdkError('invalid_argument', 'A message holds neither options nor windows.');
      case 'options':
        if (request !== undefined)
          throw new DdkError('invalid_argument', 'The options of a stream are given once.');
        request = readOptions(message.value, limits);
        return undefined;
      case 'windows': {
        if (request === undefined) {
          throw new DdkError('invalid_argument', 'The first message of a stream holds its options.');
        }
        const { id, rows } = message.value;
        const ids = readWindows(message.value, request, limits);
        const { payload, durationMs } = await scorer.score(request, rows, ids, signal);
        return {
          id,
          payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
          durationMs,
        };
      }
    }
  };
  for await (const response of inOrder(untilDraining(requests, health), ahead, answer)) {
    if (response !== undefined) yield response;
  }
}
