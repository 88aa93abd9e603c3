// Clients of services that are processes of their own.
import { DdkError } from '#base';
import { DomainEvaluatorServiceService } from '#proto/ddk/v1/domain_evaluator';
import { SchedulerServiceService } from '#proto/ddk/v1/scheduler';
import { createClient } from '#rpc';
import type { Embedded, EvaluatorClient, SchedulerClient } from './embedded.js';
import type { RemoteAddress } from './remote-options.js';

const connectMs = 5_000;

/** What following a run takes, wherever its services are. */
export type RunServices = Pick<Embedded, 'scheduler' | 'broken'>;

/** Calls `body` with a scheduler that answers. unavailable: there is none at that address. */
export async function withScheduler<T>(
  { scheduler: address, security }: RemoteAddress,
  body: (services: RunServices) => Promise<T>,
): Promise<T> {
  const scheduler: SchedulerClient = await createClient(SchedulerServiceService, address, { security });
  try {
    await scheduler.ready(connectMs);
    return await body({ scheduler, broken: new AbortController().signal });
  } finally {
    scheduler.close();
  }
}

/** The same with an evaluator. */
export async function withEvaluator<T>(
  { evaluator: address, security }: RemoteAddress,
  body: (evaluator: EvaluatorClient) => Promise<T>,
): Promise<T> {
  if (address === undefined)
    throw new DdkError(
      'invalid_argument',
      '--scheduler alone cannot measure: give the address of a domain-evaluator with --evaluator too.',
    );
  const evaluator: EvaluatorClient = await createClient(DomainEvaluatorServiceService, address, { security });
  try {
    await evaluator.ready(connectMs);
    return await body(evaluator);
  } finally {
    evaluator.close();
  }
}
