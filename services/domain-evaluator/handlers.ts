// The RPC of DomainEvaluatorService.
import { invalidArgument, requireNone, type TakeTurn, type Violation } from '#base';
import type {
  DomainEvaluatorServiceService,
  EvaluateGapsRequest,
  EvaluateGapsResponse,
} from '#proto/ddk/v1/domain_evaluator';
import { type CallContext, type Implementation, streamOf } from '#rpc';
import { type EvaluationParts, evaluateInterval } from './evaluate-interval.js';
import { measureGaps } from './measure-gaps.js';

export interface HandlerParts {
  readonly parts: EvaluationParts;
  /** Runs its body when the measuring before it has ended. */
  readonly inTurn: TakeTurn;
}

export function evaluatorHandlers({
  parts,
  inTurn,
}: HandlerParts): Implementation<typeof DomainEvaluatorServiceService> {
  return {
    async *evaluateGaps(request, context) {
      const measure = readRequest(request, parts, context);
      yield* streamOf((tell) => inTurn(() => measure((event) => tell({ event }))));
    },
  };
}

type Measure = (tell: (event: NonNullable<EvaluateGapsResponse['event']>) => void) => Promise<void>;

/** Checks the request at once, before it waits for its turn. */
function readRequest(
  { subject }: EvaluateGapsRequest,
  parts: EvaluationParts,
  context: CallContext,
): Measure {
  switch (subject?.$case) {
    case undefined:
      throw invalidArgument([{ field: 'subject', description: 'is not set; give work or checkpoint' }]);
    case 'work': {
      const work = subject.value;
      if (work.runId === '')
        throw invalidArgument([{ field: 'work.run_id', description: 'is empty; give the id of a run' }]);
      return async (tell) => {
        // Where it was complete already the gaps are told here, from the record.
        let told = false;
        const record = await evaluateInterval(
          work,
          parts,
          (event) => {
            told ||= event.$case === 'gap';
            tell(event);
          },
          context.signal,
        );
        if (!told) for (const gap of record.gaps) tell({ $case: 'gap', value: gap });
      };
    }
    case 'checkpoint': {
      const { corpusDigest, studentDigest, checkpointDigest, teacherFingerprint } = subject.value;
      const named = {
        corpus_digest: corpusDigest,
        student_digest: studentDigest,
        checkpoint_digest: checkpointDigest,
      };
      const violations = Object.entries(named).flatMap(([field, digest]) => digestViolations(field, digest));
      if (teacherFingerprint === '') {
        violations.push({
          field: 'checkpoint.teacher_fingerprint',
          description: 'is empty; DescribeModel tells it',
        });
      }
      requireNone(violations);
      const signal = AbortSignal.any([context.signal, parts.stopping]);
      return async (tell) => {
        await measureGaps(subject.value, parts, signal, tell);
      };
    }
  }
}

function digestViolations(field: string, digest: string): Violation[] {
  if (/^sha256:[0-9a-f]{64}$/.test(digest)) return [];
  const description = `is ${JSON.stringify(digest)}; must be sha256: and 64 hexadecimal digits`;
  return [{ field: `checkpoint.${field}`, description }];
}
