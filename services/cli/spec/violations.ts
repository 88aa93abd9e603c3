// What is wrong with a spec, in words: the field, what it must be, and what it is.
import type { z } from 'zod';
import type { Violation } from '#base';

type Issue = z.core.$ZodIssue;

const types: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'a group of fields',
  record: 'a group of fields',
  string: 'text',
};

export function violationsOf(issue: Issue): Violation[] {
  // Whole numbers have limits of their own, far below those of the number type.
  if (isSafeRange(issue)) return [];
  const field = issue.path.map(String).join('.') || 'spec';
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      field: issue.path.length > 0 ? `${field}.${key}` : key,
      description: 'is no field of a spec; remove it or mend its spelling (`ddk init` lists all)',
    }));
  return [{ field, description: describe(issue) }];
}

function isSafeRange(issue: Issue): boolean {
  return (
    (issue.code === 'too_big' && issue.maximum === Number.MAX_SAFE_INTEGER) ||
    (issue.code === 'too_small' && issue.minimum === Number.MIN_SAFE_INTEGER)
  );
}

function describe(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'is missing';
      return `must be ${types[issue.expected] ?? issue.expected}, but is ${shown(issue.input)}`;
    case 'invalid_value':
      return `must be ${issue.values.map(String).join(', ')}, but is ${shown(issue.input)}`;
    case 'invalid_format':
      return `${issue.message}, but is ${shown(issue.input)}`;
    case 'too_small': {
      if (issue.origin !== 'number' && issue.origin !== 'int') return `needs at least ${issue.minimum}`;
      return `must be ${issue.inclusive ? 'at least' : 'above'} ${issue.minimum}, but is ${shown(issue.input)}`;
    }
    case 'too_big': {
      if (issue.origin !== 'number' && issue.origin !== 'int') return `takes at most ${issue.maximum}`;
      return `must be ${issue.inclusive ? 'at most' : 'below'} ${issue.maximum}, but is ${shown(issue.input)}`;
    }
    default:
      return issue.message;
  }
}

function shown(value: unknown): string {
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
