// What a run or a domain may be called: the one rule for specs, files and requests. types.proto says it too.

/** A letter or digit first; dots stand alone and between others, because a name is part of a record's key too. */
export const namePattern = /^(?=.{1,63}$)[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*$/;

/** In words, after `must be`. */
export const nameRule = '1 to 63 lower-case letters, digits, dashes, underscores or single inner dots';

/** The nearest name to any text, or `otherwise` where nothing of it is left. */
export function nameFrom(text: string, otherwise: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/\.{2,}/g, '.')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63)
    .replace(/\.$/, '');
  return name === '' ? otherwise : name;
}
