// What the scheduler needs beside its store and bus to get on: teacher, trainer and evaluator, as checks of its health, and the
// sentences for when they do not answer.

import { DdkError } from '#base';
import type { DescribeModelResponse, TeacherScoringServiceService } from '#proto/ddk/v1/teacher_scoring';
import {
  answerCheck,
  type Client,
  createClient,
  type Dependency,
  type Health,
  HealthService,
  noAnswer,
  type Security,
} from '#rpc';

type TeacherClient = Client<typeof TeacherScoringServiceService>;

function dependency(what: string, service: string, variable: string, address: string): Dependency {
  const remedy = `start ${service} there, or start the scheduler with its address in ${variable}`;
  return { what, address, remedy };
}

const teacherAt = (address: string): Dependency =>
  dependency('the teacher', 'teacher-scoring', 'DDK_TEACHER_ADDRESS', address);

export function checkTeacher(health: Health, teacher: TeacherClient): void {
  const ask = async (how: object) =>
    `${teacher.address} serves ${(await teacher.describeModel({}, how)).fingerprint}`;
  health.add('teacher', answerCheck({ ...teacherAt(teacher.address), ask }));
}

/** What is served. Throws `unavailable`, with the address and what to do, where nobody answers. */
export async function describeTeacher(
  teacher: TeacherClient,
  signal: AbortSignal,
): Promise<DescribeModelResponse> {
  try {
    return await teacher.describeModel({}, { signal });
  } catch (thrown) {
    signal.throwIfAborted();
    throw noAnswer(teacherAt(teacher.address), thrown);
  }
}

const workers = [
  ['trainer', 'student-trainer', 'DDK_TRAINER_ADDRESS', 'ddk.v1.StudentTrainerService'],
  ['evaluator', 'domain-evaluator', 'DDK_EVALUATOR_ADDRESS', 'ddk.v1.DomainEvaluatorService'],
] as const;

/**
 * Adds whether the workers that are called answer, and returns what ends the connections. How they are, their own health
 * tells: they are asked for no more than the state of their session, which they know without asking anybody, so that
 * whoever they wait for is not taken for them.
 */
export async function checkWorkers(
  health: Health,
  addresses: Readonly<Record<(typeof workers)[number][0], string>>,
  security: Security,
): Promise<() => void> {
  const clients: Client<typeof HealthService>[] = [];
  for (const [name, role, variable, served] of workers) {
    const address = addresses[name];
    const client = await createClient(HealthService, address, { security });
    clients.push(client);
    const ask = async (how: object): Promise<string> => {
      await client.check({ service: `${served}/session` }, how).catch((thrown: unknown) => {
        const { code, message } = DdkError.from(thrown);
        if (code !== 'not_found') throw thrown;
        throw new DdkError('unavailable', `${address} is no ${role}: ${message}`, { cause: thrown });
      });
      return `${address} answers`;
    };
    health.add(name, answerCheck({ ...dependency(`the ${name}`, role, variable, address), ask }));
  }
  return () => {
    for (const client of clients) client.close();
  };
}
