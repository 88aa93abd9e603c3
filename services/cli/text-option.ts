// Options that are given once for each domain as name=value, and the paths of its text among them.
import type { Violation } from '#base';

/** Paths with commas between; a comma between braces belongs to a pattern. */
export function pathsOf(value: string): string[] {
  return value.split(/,(?![^{}]*\})/);
}

/** The values `name=value` of an option that may be given several times. */
export class Named {
  readonly pairs: readonly (readonly [name: string, value: string])[];
  readonly problems: readonly Violation[];

  constructor(field: string, texts: readonly string[]) {
    const pairs: [string, string][] = [];
    const problems: Violation[] = [];
    for (const text of texts) {
      const at = text.indexOf('=');
      const name = text.slice(0, Math.max(at, 0));
      if (at < 1 || at === text.length - 1)
        problems.push({ field, description: `${JSON.stringify(text)} is not of the form name=value` });
      else if (pairs.some(([known]) => known === name))
        problems.push({ field, description: `names ${JSON.stringify(name)} twice` });
      else pairs.push([name, text.slice(at + 1)]);
    }
    this.pairs = pairs;
    this.problems = problems;
  }
}

export function* problemsOfPaths({ pairs }: Named): Generator<Violation> {
  for (const [name, paths] of pairs)
    if (pathsOf(paths).some((p) => p.trim() === ''))
      yield { field: '--text', description: `${JSON.stringify(`${name}=${paths}`)} has an empty path` };
}
