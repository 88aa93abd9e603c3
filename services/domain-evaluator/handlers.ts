// The RPC of DomainEvaluatorService.
import { invalidArgument, requireNone, type TakeTurn, type Violation } from '#base';
import type {
  DomainEvaluatorServiceService,
  EvaluateGapsRequest,
  EvaluateGapsResponse,
} from '#proto/ddk/v1/domain_evaluator';
import { Provider } from '#proto/ddk/v1/types';
import { type CallContext, type Health, type Implementation, streamOf } from '#rpc';
import type { Runtime, Provider as RuntimeProvider } from '#runtime';
import { requireRunId } from '#work';
import { checkSubject } from './check-subject.js';
import { type EvaluationParts, evaluateInterval } from './evaluate-interval.js';
import { measureGaps } from './measure-gaps.js';

export interface HandlerParts {
  readonly parts: EvaluationParts;
  /** Runs its body when the measuring before it has ended. */
  readonly inTurn: TakeTurn;
  readonly describe: {
    readonly provider: RuntimeProvider;
    readonly why: string;
    readonly threads: number;
    readonly runtime: Runtime;
    readonly health: Health;
  };
}

export function evaluatorHandlers({
  parts,
  inTurn,
  describe,
}: HandlerParts): Implementation<typeof DomainEvaluatorServiceService> {
  return {
    async describeEvaluator() {
      const { checks } = await describe.health.report();
      return {
        provider: describe.provider === 'cuda' ? Provider.CUDA : Provider.CPU,
        providerReason: describe.why,
        runtimeVersion: describe.runtime.version,
        threads: describe.threads,
        checks: [...checks],
      };
    },

    async *evaluateGaps(request, context) {
      const measure = await readRequest(request, parts, context);
      yield* streamOf((tell) => inTurn(() => measure((event) => tell({ event }))));
    },
  };
}

type Measure = (tell: (event: NonNullable<EvaluateGapsResponse['event']>) => void) => Promise<void>;

/** Checks the request at once, before it waits for its turn. */
async function readRequest(
  { subject }: EvaluateGapsRequest,
  parts: EvaluationParts,
  context: CallContext,
): Promise<Measure> {
  switch (subject?.$case) {
    case undefined:
      throw invalidArgument([{ field: 'subject', description: 'is not set; give work or checkpoint' }]);
    case 'work': {
      const work = subject.value;
      requireRunId(work.runId, 'work.run_id');
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
      await checkSubject(subject.value, parts.store.artifacts);
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
