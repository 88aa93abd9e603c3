// File name patterns: `*`, `?`, `[abc]`, `{a,b}` and `**` for any folders between. Node 20 has no glob of its own.

import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { DdkError } from '#base';

const magic = /[*?[{]/;

export function isGlob(path: string): boolean {
  return magic.test(path);
}

/**
 * The files a pattern matches, sorted by path. Names that begin with a dot match only patterns that do too, and `**`
 * follows no symbolic links to folders (they may lead in circles).
 */
export async function expandGlob(pattern: string): Promise<string[]> {
  const found = new Set<string>();
  for (const alternative of expandBraces(pattern)) {
    const segments = alternative.split(sep).filter((segment) => segment !== '');
    const firstMagic = segments.findIndex((segment) => magic.test(segment));
    // Without magic (a brace spelt only plain names) the last segment is matched as a name.
    const fixed = segments.splice(0, firstMagic < 0 ? segments.length - 1 : firstMagic).join(sep);
    const root = alternative.startsWith(sep) ? sep + fixed : fixed;
    await walk(root || '.', segments, found);
  }
  return [...found].sort();
}

async function walk(folder: string, segments: readonly string[], found: Set<string>): Promise<void> {
  const [segment, ...rest] = segments;
  if (segment === undefined) return;
  if (segment === '**') {
    // "a/**" means every file below, "a/**/b" what "b" matches at any depth.
    await walk(folder, rest.length === 0 ? ['*'] : rest, found);
    for (const entry of await list(folder)) {
      if (entry.isDirectory() && !entry.name.startsWith('.'))
        await walk(join(folder, entry.name), segments, found);
    }
    return;
  }
  const pattern = segmentPattern(segment);
  for (const entry of await list(folder)) {
    if (!pattern.test(entry.name)) continue;
    const path = join(folder, entry.name);
    if (rest.length > 0) {
      if (!entry.isFile()) await walk(path, rest, found);
    } else if (!entry.isDirectory()) {
      found.add(path);
    }
  }
}

async function list(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    const known = DdkError.from(cause);
    // A pattern may well lead past folders that are not there, or into files; it then matches nothing.
    if (known.code === 'not_found') return [];
    throw new DdkError(known.code, `The folder ${folder} cannot be read: ${known.message}.`, { cause });
  }
}

/** `a{b,c}d` as `abd` and `acd`; braces may stand one after the other, not inside each other. */
function expandBraces(pattern: string): string[] {
  const brace = /\{([^{}]*,[^{}]*)\}/.exec(pattern);
  if (brace === null) return [pattern];
  const [whole, choices] = brace;
  const before = pattern.slice(0, brace.index);
  const after = pattern.slice(brace.index + whole.length);
  return choices!.split(',').flatMap((choice) => expandBraces(before + choice + after));
}

function segmentPattern(segment: string): RegExp {
  const source = segment.replace(/\[!?[^\]]+\]|[\s\S]/g, (part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    if (part.length > 1) return part.replace(/^\[!/, '[^').replaceAll('\\', '\\\\');
    return part.replace(/[\\^$.+()[\]{}|/]/, '\\$&');
  });
  try {
    return new RegExp(`^${segment.startsWith('.') ? '' : '(?!\\.)'}${source}$`, 'su');
  } catch (cause) {
    throw new DdkError('invalid_argument', `${JSON.stringify(segment)} is not a pattern that can be read.`, {
      cause,
    });
  }
}
