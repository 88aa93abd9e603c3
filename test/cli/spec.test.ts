// The spec file: defaults, limits, and all of a bad one's problems at once.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { DdkError } from '#base';
import { initSpec } from '../../services/cli/commands/init.js';
import { changedFields } from '../../services/cli/spec/changed-fields.js';
import { parseSpec, readSpec } from '../../services/cli/spec/read-spec.js';
import { specTemplate } from '../../services/cli/spec/template.js';
import { toRunSpec } from '../../services/cli/spec/to-run-spec.js';
import { namePattern } from '../../services/scheduler/run-name.js';
import { refusal } from '../support/refusal.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const minimal = `
name: a-run
teacher: ./t
student: /models/s
domains: [{ name: prose, paths: [text/prose] }, { name: code, paths: [text/code] }]
`;

function problems(text: string): string[] {
  try {
    parseSpec(text, 'run.yaml', '/specs');
  } catch (error) {
    assert.ok(error instanceof DdkError);
    assert.equal(error.code, 'invalid_argument');
    return error.violations.map((v) => v.field);
  }
  return [];
}

test('a minimal spec has the paper’s settings and paths from its own folder', () => {
  const spec = parseSpec(minimal, 'run.yaml', '/specs');
  assert.equal(spec.teacher, '/specs/t');
  assert.equal(spec.student, '/models/s');
  assert.deepEqual(spec.domains[1]?.paths, ['/specs/text/code']);
  assert.equal(spec.mixture.alpha, 0.5);
  assert.equal(spec.loss.gamma, 0.2);
  assert.equal(spec.training.intervalSteps, 1000);
  assert.equal(spec.corpus.validationSamples, 500);
  assert.equal(spec.optimizer.learningRate, 3e-5);
});

test('every problem of a spec is named at once', () => {
  const fields = problems(`
name: Not A Name
teacher: ./t
domains: [{ name: prose, paths: [] }, { name: prose, paths: [x] }]
mixture: { alpha: 1.5, polciy: ddk }
training: { batchSize: 8, microBatches: 3 }
`);
  for (const field of ['name', 'student', 'domains.0.paths', 'mixture.alpha', 'mixture.polciy'])
    assert.ok(fields.includes(field), `${field} is missing among ${fields.join(', ')}`);
});

test('what contradicts itself is refused', () => {
  assert.deepEqual(problems(`${minimal}training: { batchSize: 8, microBatches: 3 }`), [
    'training.microBatches',
  ]);
  assert.deepEqual(problems(`${minimal}optimizer: { learningRate: 1e-5, minimumLearningRate: 1e-4 }`), [
    'optimizer.minimumLearningRate',
  ]);
  assert.deepEqual(problems(`${minimal}mixture: { policy: fixed, weights: { prose: 1 } }`), [
    'mixture.weights',
  ]);
  assert.deepEqual(problems(`${minimal}mixture: { weights: { prose: 1, code: 1 } }`), ['mixture.weights']);
});

test('broken YAML is one sentence', () => {
  assert.throws(() => parseSpec('a: [1', 'run.yaml', '/'), /run\.yaml is not valid YAML/);
  assert.throws(() => parseSpec('name: a\nname: b', 'run.yaml', '/'), /run\.yaml is not valid YAML/);
  assert.throws(() => parseSpec('just text', 'run.yaml', '/'), /one problem/);
});

test('the spec that init writes is valid, says the defaults, and is never written over', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'ddk-init-'));
  try {
    const file = path.join(folder, 'My Run.yaml');
    await initSpec(file);
    const spec = await readSpec(file);
    assert.equal(spec.name, 'my-run');
    const bare = parseSpec(minimal, 'x', '/');
    assert.deepEqual(
      { ...spec, name: '', teacher: '', student: '', domains: [] },
      { ...bare, name: '', teacher: '', student: '', domains: [] },
    );
    assert.equal(await readFile(file, 'utf8'), specTemplate('my-run'));
    await assert.rejects(initSpec(file), /exists already/);
    await assert.rejects(readSpec(path.join(folder, 'none.yaml')), /There is no spec file/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a changed spec is told field by field', () => {
  const uploaded = {
    corpusDigest: 'sha256:c',
    teacherFingerprint: 't',
    studentDigest: 'sha256:s',
    baseCheckpointDigest: 'sha256:b',
  };
  const before = toRunSpec(parseSpec(minimal, 'x', '/'), uploaded);
  assert.deepEqual(changedFields(before, before), []);
  const after = toRunSpec(parseSpec(`${minimal}mixture: { alpha: 0.7 }`, 'x', '/'), {
    ...uploaded,
    corpusDigest: 'sha256:d',
  });
  assert.deepEqual(changedFields(before, after), [
    'corpus (the text, its split or its windows) has changed',
    'mixture.alpha was 0.5, is 0.7',
  ]);
});

test('a name that init makes of a file is one that a spec, the scheduler and its records take', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'ddk-init-'));
  try {
    for (const [file, name] of [
      ['a..b.yaml', 'a.b'],
      ['ends..yaml', 'ends'],
      ['..My Run (2).yaml', 'my-run-2-'],
      [`${'x'.repeat(62)}.y.yaml`, 'x'.repeat(62)],
      ['---.yaml', 'my-run'],
    ] as const) {
      const written = await initSpec(path.join(folder, file));
      const spec = parseSpec(await readFile(written.file, 'utf8'), file, folder);
      assert.equal(spec.name, name);
      assert.ok(namePattern.test(spec.name));
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a name is refused by a spec where the scheduler would refuse it', () => {
  for (const name of ['a..b', 'a.', '.a', '-a', 'A', 'x'.repeat(64)])
    assert.ok(
      !namePattern.test(name) && problems(minimal.replace('a-run', JSON.stringify(name))).includes('name'),
      name,
    );
  for (const name of ['a.b', '0', 'a_b-c.d', 'x'.repeat(63)])
    assert.ok(
      namePattern.test(name) && !problems(minimal.replace('a-run', JSON.stringify(name))).length,
      name,
    );
});

for (const [title, text, sentence] of [
  [
    'a pattern without quotes',
    `${minimal.replace('text/prose', '*.txt')}`,
    /^run\.yaml, line 5, column 34: \*\.txt without quotes is a YAML alias, .*; put it in quotes: "\*\.txt"\.$/,
  ],
  [
    'several documents',
    'name: a\n---\nname: b\n',
    /^run\.yaml holds several documents, the second from line 2, column 1; leave one/,
  ],
  ['a quote that is not closed', 'name: "a', /^run\.yaml is not valid YAML: .* at line 1, column \d+\.$/],
  [
    'what a terminal would obey',
    `name: a: ${'\u001b[31m'.repeat(900)}`,
    /^run\.yaml is not valid YAML: [^\p{C}]{1,200} at line 1, column \d+\.$/u,
  ],
  [
    'aliases without end',
    `a: &a [x, x]\n${[...'bcdefgh'].map((c, i) => `${c}: &${c} [*${'abcdefg'[i]}, *${'abcdefg'[i]}]`).join('\n')}`,
    /^run\.yaml repeats itself by aliases more than 100 times; write it out\.$/,
  ],
] as const)
  test(`YAML with ${title} is refused with the place and the remedy`, () => {
    const { message } = refusal(() => parseSpec(text, 'run.yaml', '/'));
    assert.match(message, sentence);
  });

test('a number far beyond its field is one problem', () => {
  assert.deepEqual(problems(`${minimal}training: { intervals: 1.0e+300, seed: 1.0e+20 }`), [
    'training.intervals',
    'training.seed',
  ]);
  assert.deepEqual(problems(`${minimal}training: { intervals: -1.0e+300 }`), ['training.intervals']);
});

test('no more documents are held out than a corpus can hold out', () => {
  assert.deepEqual(problems(`${minimal}corpus: { validationSamples: 65537 }`), ['corpus.validationSamples']);
  assert.deepEqual(problems(`${minimal}corpus: { validationSamples: 65536 }`), []);
});

test('a spec that is a folder, a model or in no UTF-8 is refused without its bytes', async (t) => {
  const folder = await temporaryFolder(t);
  const file = async (name: string, bytes: Uint8Array): Promise<string> => {
    await writeFile(path.join(folder, name), bytes);
    return path.join(folder, name);
  };
  await assert.rejects(readSpec(folder), /is a folder; give the spec file itself\.$/);
  await assert.rejects(
    readSpec(await file('model.safetensors', Buffer.from([0x7b, 0x07, 0, 0, 1, 2]))),
    /model\.safetensors is no spec: it is not text \(its byte 1 is 07\); `ddk init` writes one to start from\.$/,
  );
  await assert.rejects(
    readSpec(await file('latin1.yaml', Buffer.from([0x6e, 0xe9, 0x0a]))),
    /latin1\.yaml is no spec: it is not in UTF-8; /,
  );
});

test('a length of no window is one problem', () => {
  assert.deepEqual(problems(`${minimal}corpus: { sequenceLength: 0 }`), ['corpus.sequenceLength']);
  assert.deepEqual(problems(`${minimal}corpus: { sequenceLength: 1 }`), ['corpus.sequenceLength']);
});

test('init refuses a name that a spec would refuse, and a place where nothing can be written', async (t) => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'run.yaml');
  await assert.rejects(initSpec(file, { text: ['A B=x'] }), {
    code: 'invalid_argument',
    message: /^--text "A B", a domain's name, must be 1 to 63 lower-case/,
  });
  const nowhere = path.join(folder, 'none', 'run.yaml');
  await assert.rejects(initSpec(nowhere), {
    code: 'not_found',
    message: `${nowhere} cannot be written: there is no folder ${path.dirname(nowhere)}; make it first, or give another name.`,
  });
  await writeFile(file, 'mine');
  await assert.rejects(
    initSpec(path.join(file, 'run.yaml')),
    /cannot be written: a part of its path is a file/,
  );
  assert.deepEqual(await readdir(folder), ['run.yaml']);
});
