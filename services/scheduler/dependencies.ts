// What the scheduler needs beside its store and bus to get on: teacher, trainer and evaluator, as checks of its health, and the
// sentences for when they do not answer.

import type { DomainEvaluatorServiceService } from '#proto/ddk/v1/domain_evaluator';
import type { StudentTrainerServiceService } from '#proto/ddk/v1/student_trainer';
import type { DescribeModelResponse, TeacherScoringServiceService } from '#proto/ddk/v1/teacher_scoring';
import { answerCheck, type Client, type Dependency, type Health, noAnswer } from '#rpc';

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

/** Whether the workers that are called answer; how they are, their own health tells. */
export function checkWorkers(
  health: Health,
  trainer: Client<typeof StudentTrainerServiceService>,
  evaluator: Client<typeof DomainEvaluatorServiceService>,
): void {
  const workers = [
    [
      'trainer',
      'student-trainer',
      'DDK_TRAINER_ADDRESS',
      trainer,
      (how: object) => trainer.describeStudent({}, how),
    ],
    [
      'evaluator',
      'domain-evaluator',
      'DDK_EVALUATOR_ADDRESS',
      evaluator,
      (how: object) => evaluator.describeEvaluator({}, how),
    ],
  ] as const;
  for (const [name, service, variable, { address }, describe] of workers) {
    const ask = async (how: object): Promise<string> => {
      const { checks } = await describe(how);
      const ill = checks.filter(({ healthy }) => !healthy).map((check) => `${check.name}: ${check.detail}`);
      return ill.length === 0 ? `${address} is well` : `${address} says ${ill.join('; ')}`;
    };
    health.add(name, answerCheck({ ...dependency(`the ${name}`, service, variable, address), ask }));
  }
}
