// The rules of the house, as pure functions over source files: who may import whom, who owns which dependency, how files
// are named and how long they may be. A broken rule is one sentence that says where, what, and what to do instead.

export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Nouns of services/lib by floor. A noun imports lower floors only, never a neighbour. */
export const floors: readonly (readonly string[])[] = [
  ['base'],
  ['onnx', 'mixture', 'targets', 'tokenizer', 'safetensors', 'telemetry', 'nats'],
  ['store', 'bus', 'rpc', 'autodiff', 'nn', 'runtime'],
  ['corpus', 'model', 'work'],
  ['train', 'teacher'],
];

/** The one folder that may import a package (`*` ends a prefix); others go through what that folder exports. */
export const owners: ReadonlyMap<string, string> = new Map([
  ['koffi', 'services/lib/runtime'],
  ['onnxruntime-node', 'services/lib/runtime'],
  ['onnxruntime-common', 'services/lib/runtime'],
  ['@grpc/*', 'services/lib/rpc'],
  ['grpc-health-check', 'services/lib/rpc'],
  ['@opentelemetry/*', 'services/lib/telemetry'],
  ['pino', 'services/lib/base'],
  ['nats', 'services/lib/nats'],
  ['@huggingface/tokenizers', 'services/lib/tokenizer'],
  ['hyparquet*', 'services/lib/corpus'],
  ['vega', 'services/cli'],
  ['commander', 'services/cli'],
  ['cli-progress', 'services/cli'],
  ['yaml', 'services/cli'],
  ['zod', 'services/cli'],
  // Only generated code speaks protobuf by itself.
  ['@bufbuild/protobuf', 'proto/gen'],
]);

/** Which nouns may import which generated packages; the services may import all of them. */
export const generatedCode: ReadonlyMap<string, readonly string[]> = new Map([
  ['onnx', ['onnx']],
  ['rpc', ['google', 'descriptors']],
  ['work', ['ddk']],
  ['teacher', ['ddk']],
]);

export const MAX_LINES = 400;

/** Every broken rule in the files of services/, proto/ and test/. */
export function violations(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => [
    ...namingViolations(file),
    ...sizeViolations(file),
    ...(isPartOf(file.path, 'services') ? [...serviceViolations(file)] : []),
  ]);
}

/** Nouns without a door, and folders of services/lib that no floor knows. */
export function missingDoors(files: readonly SourceFile[]): string[] {
  const paths = new Set(files.map((file) => file.path));
  const nouns = new Set(files.flatMap(({ path }) => nounOf(path) ?? []));
  return [...nouns].flatMap((noun) => [
    ...(paths.has(`services/lib/${noun}/index.ts`)
      ? []
      : [`services/lib/${noun} has no index.ts; add one with the names it exports.`]),
    ...(floorOf(noun) === undefined
      ? [
          `services/lib/${noun} is on no floor; add it to the table in test/support/house-rules.ts and services/README.md.`,
        ]
      : []),
  ]);
}

/** Files that import each other in a circle, if only for a type; each circle once. */
export function importCircles(files: readonly SourceFile[]): string[] {
  const imported = new Map(files.map(({ path, text }) => [path, neighboursOf(path, text)]));
  const found: string[] = [];
  const followed = new Set<string>();
  const follow = (path: string, trail: readonly string[]): void => {
    const begin = trail.indexOf(path);
    if (begin >= 0) {
      const circle = [...trail.slice(begin), path].join(' -> ');
      found.push(`${circle} is a circle of imports; move what they share to a file of its own.`);
    }
    if (followed.has(path)) return;
    followed.add(path);
    for (const next of imported.get(path) ?? []) follow(next, [...trail, path]);
  };
  for (const path of imported.keys()) follow(path, []);
  return found;
}

/** The source files that a file imports by their paths. */
function neighboursOf(path: string, text: string): string[] {
  return importsOf(withoutComments(text))
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ specifier }) => resolve(path, specifier).replace(/\.js$/, '.ts'));
}

function* serviceViolations(file: SourceFile): Generator<string> {
  const code = withoutComments(file.text);
  for (const { specifier, line } of importsOf(code)) {
    for (const sentence of importViolations(file.path, specifier)) yield `${file.path}:${line} ${sentence}`;
  }
  for (const { index } of code.matchAll(/^\s*export\s+(?:type\s+)?\*/gm)) {
    yield `${file.path}:${lineAt(code, index)} exports everything of another file; list the names, so that the surface is a decision.`;
  }
  for (const { index } of code.matchAll(/^\s*export\s+default\b/gm)) {
    yield `${file.path}:${lineAt(code, index)} has a default export; export it by name.`;
  }
  if (!readsEnvironment(file.path)) {
    for (const { index } of code.matchAll(/\bprocess\s*\.\s*env\b/g)) {
      yield `${file.path}:${lineAt(code, index)} reads process.env; read it in main.ts or config.ts and pass the value on.`;
    }
  }
}

/** What is wrong with `path` importing `specifier`, as the end of a sentence that begins with the place. */
function importViolations(path: string, specifier: string): string[] {
  if (specifier.startsWith('node:')) return [];
  if (specifier.startsWith('.')) return relativeViolations(path, specifier);
  if (specifier.startsWith('#proto/')) return generatedViolations(path, specifier);
  if (specifier.startsWith('#')) return nounViolations(path, specifier);
  return packageViolations(path, specifier);
}

function relativeViolations(path: string, specifier: string): string[] {
  const target = resolve(path, specifier);
  const home = homeOf(path);
  if (isPartOf(target, home)) return [];
  const noun = nounOf(target);
  if (noun !== undefined) return [`reaches into services/lib/${noun}; import #${noun}, its only door.`];
  if (isPartOf(target, 'proto/gen')) return ['imports generated code by its path; use #proto/....'];
  if (!isPartOf(target, 'services')) return [`imports ${target}, which is outside services.`];
  if (isPartOf(path, 'services/lib')) return [`imports ${target}; nothing in services/lib knows a service.`];
  if (isPartOf(path, 'services/cli')) return [];
  return [
    `imports ${target} of another service; ask it over gRPC, or move what both need into a noun of services/lib.`,
  ];
}

function nounViolations(path: string, specifier: string): string[] {
  const [noun = '', ...rest] = specifier.slice(1).split('/');
  if (rest.length > 0) return [`imports ${specifier}; import #${noun}, its only door.`];
  const theirs = floorOf(noun);
  if (theirs === undefined) return [`imports ${specifier}, which is on no floor.`];
  const own = nounOf(path);
  if (own === undefined) return [];
  if (own === noun) return [`imports ${specifier}, its own door; import the file.`];
  const floor = floorOf(own);
  if (floor === undefined || theirs < floor) return [];
  const relation =
    theirs === floor ? 'a neighbour on its own floor' : `which is above it, on floor ${theirs}`;
  return [`imports ${specifier}, ${relation}; ${own} is on floor ${floor} and imports lower floors only.`];
}

function generatedViolations(path: string, specifier: string): string[] {
  const noun = nounOf(path);
  if (noun === undefined) return [];
  const allowed = generatedCode.get(noun) ?? [];
  const generated = specifier.split('/')[1] ?? '';
  return allowed.includes(generated) ? [] : [`imports ${specifier}; ${noun} does not know that contract.`];
}

function packageViolations(path: string, specifier: string): string[] {
  const name = packageName(specifier);
  const owner = ownerOf(name);
  if (owner === undefined)
    return [`imports ${name}, which has no owner; name one in test/support/house-rules.ts.`];
  return isPartOf(path, owner) ? [] : [`imports ${name}, which only ${owner} may use.`];
}

export function ownerOf(packageName: string): string | undefined {
  for (const [pattern, owner] of owners) {
    const prefix = pattern.endsWith('*') ? pattern.slice(0, -1) : undefined;
    if (prefix === undefined ? packageName === pattern : packageName.startsWith(prefix)) return owner;
  }
  return undefined;
}

function* namingViolations({ path }: SourceFile): Generator<string> {
  const parts = path.split('/');
  const file = parts.at(-1)!;
  for (const folder of parts.slice(0, -1)) {
    if (!/^[a-z0-9]+([-.][a-z0-9]+)*$/.test(folder))
      yield `${path}: the folder ${folder} is not in kebab-case.`;
  }
  if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.[a-z]+$/.test(file))
    yield `${path}: the file name is not in kebab-case.`;
}

function* sizeViolations({ path, text }: SourceFile): Generator<string> {
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
  if (lines > MAX_LINES) yield `${path} has ${lines} lines, of at most ${MAX_LINES}; divide it by concept.`;
}

/** #base offers reading it, a config.ts says what is read, and a process begins by handing it over. */
function readsEnvironment(path: string): boolean {
  const isEntry = /^services\/[^/]+\/main\.ts$/.test(path) && !isPartOf(path, 'services/lib');
  return isEntry || isPartOf(path, 'services/lib/base') || path.endsWith('/config.ts');
}

interface Import {
  readonly specifier: string;
  readonly line: number;
}

/** Static imports and re-exports, imports for effect, and modules loaded or resolved by name. */
function importsOf(code: string): Import[] {
  const forms = [
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*(['"])(?<specifier>[^'"]+)\1/gm,
    /^\s*import\s*(['"])(?<specifier>[^'"]+)\1/gm,
    /(?<![.#\w])(?:import|require|(?:require|import\.meta|createRequire\([^)]*\))\.resolve)\s*\(\s*(['"])(?<specifier>[^'"]+)\1/g,
  ];
  return forms.flatMap((form) =>
    [...code.matchAll(form)].map((match) => ({
      specifier: match.groups?.specifier ?? '',
      line: lineAt(code, match.index + match[0].length),
    })),
  );
}

/** Comments become spaces, so that places keep their line. Quotes inside comments and `//` inside strings are respected. */
function withoutComments(text: string): string {
  const tokens = /(\/\*[\s\S]*?\*\/|\/\/[^\n]*)|('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)/g;
  return text.replace(tokens, (all, comment: string | undefined) =>
    comment === undefined ? all : all.replace(/[^\n]/g, ' '),
  );
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).trimEnd().split('\n').length;
}

function floorOf(noun: string): number | undefined {
  const floor = floors.findIndex((nouns) => nouns.includes(noun));
  return floor < 0 ? undefined : floor;
}

/** services/lib/onnx/ir.ts -> onnx */
function nounOf(path: string): string | undefined {
  return /^services\/lib\/([^/]+)\//.exec(path)?.[1];
}

/** The folder inside which a file may use relative imports. */
function homeOf(path: string): string {
  return path
    .split('/')
    .slice(0, isPartOf(path, 'services/lib') ? 3 : 2)
    .join('/');
}

function isPartOf(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function resolve(from: string, specifier: string): string {
  const parts = from.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}
