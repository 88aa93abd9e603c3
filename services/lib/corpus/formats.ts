// Formats, told by the end of a file's name, in capitals or not. Those that are not read would, as plain text, be learnt with
// their braces and commas.
import { DdkError } from '#base';

/** What a folder is searched for. */
export const textFormats = ['.txt', '.jsonl', '.jsonl.gz', '.parquet'] as const;
export type TextFormat = (typeof textFormats)[number];

/** Undefined for every other name; what it stands for is plain text where it is read at all. */
export function formatOf(path: string): TextFormat | undefined {
  const name = path.toLowerCase();
  return textFormats.find((ending) => name.endsWith(ending));
}

const plainText = 'rename it to .txt if its text as it stands is what is to be learnt';

/** What it is and what to do, by the end of the name. */
const others: readonly (readonly [ending: RegExp, description: string])[] = [
  [/\.jsonl\.gz$/, ''],
  [/\.gz$/, 'is compressed, and only .jsonl.gz is read so; unpack it'],
  [/\.(zip|zst|bz2|xz|7z|tar|tgz)$/, 'is compressed or an archive, and only .jsonl.gz is read so; unpack it'],
  [
    /\.json$/,
    `is JSON, of which only lines are read: write its records to a .jsonl file, one a line, or ${plainText}`,
  ],
  [/\.(ndjson|jsonlines)$/, 'holds JSON lines under another name than is known; rename it to .jsonl'],
  [/\.(csv|tsv)$/, `is a table: write its text to a .jsonl or .parquet file, or ${plainText}`],
];

/** What to do with a file of this name, which is not read as it is; empty for one that is. */
const problemOf = (path: string): string =>
  others.find(([ending]) => ending.test(path.toLowerCase()))?.[1] ?? '';

/** Whether a file of this name is read, be it as plain text. */
export const isRead = (path: string): boolean => problemOf(path) === '';

/** Throws `invalid_argument` for the first of the paths whose name says that it is in none of the formats that are read. */
export function refuseOtherFormats(paths: readonly string[]): void {
  for (const path of paths) {
    const description = problemOf(path);
    if (description !== '') throw new DdkError('invalid_argument', `${path} ${description}.`);
  }
}
