// `ddk init`: a commented spec to start from, with the models and the text that are there already.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { createFileExclusive, DdkError, requireNone, type Violation } from '#base';
import { describeModel, type ModelDescription } from '#model';
import { assertSameTokenizer } from '#tokenizer';
import { nameFrom, namePattern, nameRule } from '../../scheduler/run-name.js';
import { type SpecChoices, specTemplate, usualChoices } from '../spec/template.js';
import { Named, pathsOf, problemsOfPaths } from '../text-option.js';
import { writingTo } from '../user-path.js';

export interface InitOptions {
  /** Model folders and paths of text, from the working folder. */
  readonly teacher?: string;
  readonly student?: string;
  /** `name=paths`, one a domain. */
  readonly text?: readonly string[];
}

interface WrittenSpec {
  readonly file: string;
  readonly sequenceLength: number;
  readonly summary: string;
}

/** Writes a new spec; never over an existing file. Models that are named must be there, and go together. */
export async function initSpec(file: string, options: InitOptions = {}): Promise<WrittenSpec> {
  const stem = path.basename(file).replace(/\.(ya?ml)$/, '');
  const name = nameFrom(stem, 'my-run');
  const choices = await choicesOf(path.dirname(path.resolve(file)), options);
  await writeNew(file, specTemplate(name, choices));
  const { sequenceLength } = choices;
  const shorter =
    sequenceLength < usualChoices.sequenceLength
      ? ` Its windows have the ${sequenceLength} positions that the models take.`
      : '';
  const summary = `Wrote ${file}.${shorter} Edit it, then \`ddk run ${file} --dry-run\`.`;
  return { file, sequenceLength, summary };
}

async function choicesOf(folder: string, options: InitOptions): Promise<SpecChoices> {
  const domains = new Named('--text', options.text ?? []);
  requireNone([...domains.problems, ...problemsOfPaths(domains), ...problemsOfNames(domains)]);
  const fromSpec = (given: string): string => {
    const relative = path.relative(folder, path.resolve(given));
    return relative.startsWith('..') ? path.resolve(given) : `./${relative}`;
  };
  const teacher = await modelAt(options.teacher, path.join(folder, usualChoices.teacher));
  const student = await modelAt(options.student, path.join(folder, usualChoices.student));
  if (teacher && student) assertSameTokenizer(teacher.tokenizer, student.tokenizer);
  const models = [teacher, student].flatMap((model) => model?.config ?? []);
  return {
    teacher: options.teacher === undefined ? usualChoices.teacher : fromSpec(options.teacher),
    student: options.student === undefined ? usualChoices.student : fromSpec(options.student),
    domains:
      domains.pairs.length === 0
        ? usualChoices.domains
        : domains.pairs.map(([name, paths]) => ({ name, paths: pathsOf(paths).map(fromSpec) })),
    sequenceLength: Math.min(usualChoices.sequenceLength, ...models.map((config) => config.maxPositions)),
    k: Math.min(usualChoices.k, ...models.map((config) => config.vocabSize - 1)),
  };
}

/** The model that is named, which must be there, or the one in the usual place, which need not. */
async function modelAt(given: string | undefined, usual: string): Promise<ModelDescription | undefined> {
  if (given !== undefined) return describeModel(given);
  const isThere = await stat(path.join(usual, 'config.json')).then(
    () => true,
    () => false,
  );
  return isThere ? describeModel(usual) : undefined;
}

/** A spec takes no other names. */
function* problemsOfNames({ pairs }: Named): Generator<Violation> {
  for (const [name] of pairs)
    if (!namePattern.test(name))
      yield { field: '--text', description: `${JSON.stringify(name)}, a domain's name, must be ${nameRule}` };
}

/** Whole or not at all. */
async function writeNew(file: string, text: string): Promise<void> {
  const folder = path.dirname(file);
  const isThere = await stat(folder).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  );
  if (!isThere)
    throw new DdkError(
      'not_found',
      `${file} cannot be written: there is no folder ${folder}; make it first, or give another name.`,
    );
  const place = { path: file, cannot: 'be written', remedy: 'give another name' };
  const isNew = await writingTo(place, () => createFileExclusive(file, text));
  if (!isNew) throw new DdkError('already_exists', `${file} exists already; remove it or give another name.`);
}
