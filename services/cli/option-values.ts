// What the values of options may be. A value that is none of it is named with its option before anything is done.
import { type Command, InvalidArgumentError } from 'commander';

type Parse<T> = (text: string) => T;

/** A whole number from 0 to `most`. */
export const whole = (most: number): Parse<number> => integer(0, most);

/** A whole number from 1 to `most`. */
export const count = (most: number): Parse<number> => integer(1, most);

function integer(least: number, most: number): Parse<number> {
  return (text) => {
    const value = numberIn(text);
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** A number from 0 to `most`. */
export function notNegative(most: number): Parse<number> {
  return (text) => {
    const value = numberIn(text);
    if (value >= 0 && value <= most) return value;
    throw new InvalidArgumentError(`It must be a number from 0 to ${most}.`);
  };
}

/** A number above 0, at most `most`. */
export function positive(most: number): Parse<number> {
  return (text) => {
    const value = numberIn(text);
    if (value > 0 && value <= most) return value;
    throw new InvalidArgumentError(`It must be a number above 0, at most ${most}.`);
  };
}

/**
 * Text that is there: a variable that was meant to hold it may be empty.
 *
 * @param remedy a sentence
 */
export const filled =
  (remedy: string): Parse<string> =>
  (text) => {
    if (text.trim() === '') throw new InvalidArgumentError(`It is empty. ${remedy}`);
    return text;
  };

/** An option that may be given several times. */
export const collect = (text: string, before: readonly string[] = []): string[] => [...before, text];

/** NaN for an empty text, which Number takes for 0. */
const numberIn = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));

/**
 * Refuses an empty value of the command's options that may also come from a variable, as a script gives it whose own
 * variable is not set: what was meant for a server would be done here. The option's own variable may be empty: it counts as
 * not set.
 */
export function refuseEmpty(command: Command): void {
  for (const option of command.options)
    if (option.envVar !== undefined)
      command.on(`option:${option.name()}`, (value: string) => {
        if (value.trim() !== '') return;
        const sentence = `option '${option.flags}' argument '${value}' is invalid. It is empty. Give a value, or leave the option out.`;
        command.error(`error: ${sentence}`, { code: 'commander.invalidArgument' });
      });
}
