// Reading configuration from environment variables: every problem is reported, in one error.

import type { Violation } from './errors.js';
import { requireNone } from './violations.js';

/**
 * Typed reading of variables. A getter that finds a problem notes it and returns a stand-in of the right type; `done()`
 * then throws one error with all problems, so a stand-in never gets out. An empty variable counts as not set.
 */
export class Environment {
  readonly #values: Readonly<Record<string, string | undefined>>;
  readonly #problems: Violation[] = [];

  constructor(values: Readonly<Record<string, string | undefined>>) {
    this.#values = values;
  }

  #read(name: string): string | undefined {
    return this.#values[name]?.trim() || undefined;
  }

  #problem(field: string, description: string): void {
    this.#problems.push({ field, description });
  }

  #missing<T>(name: string, fallback: T | undefined, standIn: T, what: string): T {
    if (fallback !== undefined) return fallback;
    this.#problem(name, `is not set; give ${what}`);
    return standIn;
  }

  string(name: string, fallback?: string): string {
    return this.#read(name) ?? this.#missing(name, fallback, '', 'a value');
  }

  optional(name: string): string | undefined {
    return this.#read(name);
  }

  /** A whole number in decimal. */
  integer(
    name: string,
    options: { readonly min: number; readonly max: number; readonly fallback?: number },
  ): number {
    const { min, max, fallback } = options;
    const what = `a whole number from ${min} to ${max}`;
    const text = this.#read(name);
    if (text === undefined) return this.#missing(name, fallback, min, what);
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    this.#problem(name, `must be ${what}, is ${JSON.stringify(text)}`);
    return min;
  }

  boolean(name: string, fallback?: boolean): boolean {
    const text = this.#read(name)?.toLowerCase();
    if (text === undefined) return this.#missing(name, fallback, false, 'true or false');
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
    this.#problem(name, `must be true or false, is ${JSON.stringify(text)}`);
    return false;
  }

  choice<const T extends string>(name: string, choices: readonly [T, ...T[]], fallback?: T): T {
    const what = `one of ${choices.join(', ')}`;
    const text = this.#read(name);
    if (text === undefined) return this.#missing(name, fallback, choices[0], what);
    const value = choices.find((choice) => choice === text);
    if (value !== undefined) return value;
    this.#problem(name, `must be ${what}, is ${JSON.stringify(text)}`);
    return choices[0];
  }

  /** Notes a problem found by the reader's own checks, such as two settings that exclude each other. */
  reject(name: string, description: string): void {
    this.#problem(name, description);
  }

  /** Throws `invalid_argument` with every problem noted so far; call it after the last getter. */
  done(): void {
    requireNone(this.#problems, 'The environment is not usable');
  }
}

/** Gives a variable of this process a value unless it has one. Native libraries see it where the main thread calls this. */
export function presetVariable(name: string, value: string): void {
  process.env[name] ??= value;
}
