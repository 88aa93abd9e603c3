// The demonstration's text: what is on the machine anyway after installation, sorted into kinds that differ.
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { DdkError, makeFolder, sha256Hex, writeFileDurable } from '#base';

/** A kind of text and which files of the installed packages are of it. */
interface Kind {
  readonly name: string;
  readonly holds: (fileName: string) => boolean;
}

const licence = /^(licen[sc]e|copying|notice)/i;
const extension =
  (...ends: readonly string[]) =>
  (name: string) =>
    !licence.test(name) && ends.some((end) => name.endsWith(end));

/** In the order of the final table. */
export const kinds: readonly Kind[] = [
  { name: 'types', holds: extension('.d.ts', '.d.mts', '.d.cts') },
  { name: 'javascript', holds: (name) => extension('.js', '.mjs', '.cjs')(name) && !/\.min\./.test(name) },
  { name: 'prose', holds: extension('.md', '.markdown') },
  { name: 'json', holds: extension('.json') },
  { name: 'licences', holds: (name) => licence.test(name) },
  { name: 'native', holds: extension('.cc', '.h', '.hh', '.proto', '.inc') },
];

/** Files above this are left out: bundles and data tables, not writing. */
const maxFileBytes = 400_000;
/** A document of the demonstration is at most about this long, so that every kind has enough of them. */
const pieceBytes = 4_000;
/** So that no single large file is most of a kind. */
const maxPiecesPerFile = 12;

/** One domain's file of documents. */
export interface DomainText {
  readonly name: string;
  readonly file: string;
  readonly documents: number;
  readonly bytes: number;
}

/**
 * Writes `<folder>/<kind>.jsonl`, one document a line, from the packages under `packages`. Equal pieces are kept once, over
 * all kinds. Files are taken in an order keyed by their names until a kind has `maxBytes`, so the choice is spread over the
 * packages and the same on every machine with the same packages.
 */
export async function collectText(packages: string, folder: string, maxBytes: number): Promise<DomainText[]> {
  const files = await walk(packages);
  const seen = new Set<string>();
  await makeFolder(folder);
  const domains: DomainText[] = [];
  for (const kind of kinds) {
    const kept: string[] = [];
    let bytes = 0;
    for (const source of shuffled(files.filter((f) => kind.holds(path.basename(f))))) {
      const text = await readText(path.join(packages, source));
      for (const piece of cut(text ?? '').slice(0, maxPiecesPerFile)) {
        const hash = sha256Hex(piece.trim());
        if (piece.trim().length < 64 || seen.has(hash)) continue;
        seen.add(hash);
        bytes += Buffer.byteLength(piece);
        kept.push(JSON.stringify({ text: piece, source }));
      }
      if (bytes > maxBytes) break;
    }
    const file = path.join(folder, `${kind.name}.jsonl`);
    const text = `${kept.join('\n')}\n`;
    // Left alone where nothing has changed: a corpus is found again by its files' names and times.
    if ((await readFile(file, 'utf8').catch(() => '')) !== text) await writeFileDurable(file, text);
    domains.push({ name: kind.name, file, documents: kept.length, bytes });
  }
  return domains;
}

async function walk(root: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const full = path.join(folder, entry.name);
      if (entry.isDirectory()) await visit(full);
      else if (entry.isFile()) found.push(path.relative(root, full));
    }
  };
  await visit(root).catch((error: unknown) => {
    throw new DdkError('failed_precondition', `The installed packages in ${root} cannot be read.`, {
      cause: error,
    });
  });
  return found;
}

/** In an order that is keyed by the names, so that the first few come from all over. */
function shuffled(names: readonly string[]): string[] {
  const keyed = names.map((name) => ({ name, key: sha256Hex(name) }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ name }) => name);
}

/** Undefined for files that are too large or not UTF-8 text. */
async function readText(file: string): Promise<string | undefined> {
  if ((await stat(file)).size > maxFileBytes) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(file)) chunks.push(chunk as Buffer);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    // Not text: the demonstration leaves it out.
    return undefined;
  }
}

/** Pieces of at most about `pieceBytes`, cut at line ends; a single longer line is dropped. */
function cut(text: string): string[] {
  const pieces: string[] = [];
  let piece = '';
  for (const line of text.split(/(?<=\n)/)) {
    if (line.length > pieceBytes) continue;
    if (piece.length + line.length > pieceBytes) {
      pieces.push(piece);
      piece = '';
    }
    piece += line;
  }
  if (piece !== '') pieces.push(piece);
  return pieces;
}
