// The option --text, which names a domain and where its text is.
import type { Violation } from '#base';

export interface NamedPaths {
  readonly name: string;
  /** Files, folders or patterns, as written. */
  readonly paths: readonly string[];
}

/** `name=value`, cut at the first equals sign; undefined where there is none, or nothing on a side of it. */
export function nameAndValue(text: string): readonly [name: string, value: string] | undefined {
  const at = text.indexOf('=');
  return at > 0 && at < text.length - 1 ? [text.slice(0, at), text.slice(at + 1)] : undefined;
}

/** Domains of `name=path,path`. A comma between braces belongs to a pattern. What is no such pair is put among the violations. */
export function namedPaths(texts: readonly string[], violations: Violation[]): NamedPaths[] {
  return texts.flatMap((text) => {
    const pair = nameAndValue(text);
    if (pair) return [{ name: pair[0], paths: pair[1].match(/(?:\{[^{}]*\}|[^,])+/g) ?? [] }];
    violations.push({
      field: '--text',
      description: `${JSON.stringify(text)} is not of the form name=paths`,
    });
    return [];
  });
}
