// Which files a domain's text is in.

import { readdir, stat } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { DdkError } from '#base';
import { formatOf, isRead, refuseOtherFormats, textFormats } from './formats.js';
import { expandGlob, isGlob } from './glob.js';

export interface DomainSource {
  readonly name: string;
  /**
   * Files, folders or patterns. A folder means every .txt, .jsonl, .jsonl.gz and .parquet file below it, in capitals or
   * not; files of other names (.md, source code, ...) are read as plain text where they are named or matched by a pattern,
   * but for those whose names say that they are tables, JSON or compressed.
   */
  readonly paths: readonly string[];
}

export interface SourceFile {
  readonly path: string;
  readonly bytes: number;
  /** Changes when the file does; part of the key that decides whether a corpus can be used again. */
  readonly modifiedNs: bigint;
}

/** Kinds of other files that a message names, the most frequent first. */
const mostKinds = 4;

/**
 * The files of a domain: in the order of its paths, sorted within each, none twice. Throws `not_found` for a path that
 * is not there, and for one that leads to no file; `invalid_argument` for a file of a format that is not read.
 */
export async function listFiles(domain: DomainSource): Promise<SourceFile[]> {
  const files = new Map<string, SourceFile>();
  for (const path of domain.paths) {
    const found = await expandPath(path, domain.name);
    if (found.length === 0) {
      throw new DdkError(
        'not_found',
        `Domain ${JSON.stringify(domain.name)} has no text: ${path} leads to no file ` +
          `(a folder is searched for ${textFormats.join(', ')}; ${await otherwise(path)}).`,
      );
    }
    refuseOtherFormats(found.map((file) => file.path));
    for (const file of found) if (!files.has(file.path)) files.set(file.path, file);
  }
  if (files.size === 0) {
    throw new DdkError(
      'invalid_argument',
      `Domain ${JSON.stringify(domain.name)} has no paths; name its text.`,
    );
  }
  return [...files.values()];
}

async function expandPath(path: string, domain: string): Promise<SourceFile[]> {
  const absolute = resolve(path);
  const info = await stat(absolute).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && isGlob(path)) return undefined;
    throw unreadable(absolute, error, ` (domain ${JSON.stringify(domain)})`);
  });
  const paths =
    info === undefined
      ? await expandGlob(absolute)
      : info.isDirectory()
        ? await walk(absolute, isText)
        : [absolute];
  const files: SourceFile[] = [];
  for (const file of paths) {
    try {
      const found = await stat(file, { bigint: true });
      // A pattern may match folders and links to them; a pipe would be read for ever.
      if (found.isFile()) files.push({ path: file, bytes: Number(found.size), modifiedNs: found.mtimeNs });
    } catch (error) {
      throw unreadable(file, error);
    }
  }
  return files;
}

const isText = (name: string): boolean => formatOf(name) !== undefined;

/** What to write instead of a path without text: for a folder, a pattern of the kinds of file that are in it. */
async function otherwise(path: string): Promise<string> {
  const folder = resolve(path);
  const isFolder = await stat(folder).then(
    (info) => info.isDirectory(),
    () => false,
  );
  const counts = new Map<string, number>();
  for (const file of isFolder ? await walk(folder, isRead) : []) {
    const extension = extname(file).slice(1);
    if (/^[A-Za-z0-9_+-]+$/.test(extension)) counts.set(extension, (counts.get(extension) ?? 0) + 1);
  }
  const kinds = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, mostKinds);
  if (kinds.length === 0) return 'name other text files by a pattern such as "**/*.md"';
  const held = kinds.map(([extension, count]) => `${count} .${extension}`).join(', ');
  const names = kinds.map(([extension]) => extension);
  const ending = names.length === 1 ? names[0] : `{${names.join(',')}}`;
  return `this one holds ${held}: name those that are text by a pattern such as ${JSON.stringify(`${path}/**/*.${ending}`)}`;
}

async function walk(folder: string, wanted: (name: string) => boolean): Promise<string[]> {
  const paths: string[] = [];
  const visit = async (current: string): Promise<void> => {
    const entries = await readdir(current, { withFileTypes: true }).catch((error: unknown) => {
      throw unreadable(current, error);
    });
    for (const entry of entries) {
      // Hidden names are version control and caches; linked folders may lead in circles.
      if (entry.name.startsWith('.')) continue;
      const path = join(current, entry.name);
      if (entry.isDirectory()) await visit(path);
      else if (wanted(entry.name)) paths.push(path);
    }
  };
  await visit(folder);
  return paths.sort();
}

/** An error of the operating system about a file, naming the file and what to do. */
export function unreadable(path: string, cause: unknown, detail = ''): DdkError {
  if (cause instanceof DdkError) return cause;
  const { code } = DdkError.from(cause);
  const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
  const remedies: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file or folder; correct the path',
    EACCES: 'this user may not; change its permissions',
  };
  return new DdkError(code, `${path}${detail} cannot be read: ${remedies[why] ?? why}.`, { cause });
}
