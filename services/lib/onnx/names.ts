// Unique, readable names for the values of one model, its subgraphs included.
import { DdkError } from '#base';
import type { Value } from './ir.js';

export class Names {
  readonly #taken = new Map<string, Value | undefined>();
  readonly #next = new Map<string, number>();

  /** `base`, or `base_1`, `base_2`... where that is taken. */
  fresh(base: string): string {
    if (!this.#taken.has(base)) {
      this.#taken.set(base, undefined);
      return base;
    }
    let count = this.#next.get(base) ?? 1;
    while (this.#taken.has(`${base}_${count}`)) count += 1;
    this.#next.set(base, count + 1);
    const name = `${base}_${count}`;
    this.#taken.set(name, undefined);
    return name;
  }

  /** Says that an automatically named value may be renamed when somebody asks for its name. */
  yields(value: Value): void {
    this.#taken.set(value.name, value);
  }

  /** Reserves exactly `name`. A value that only has it by chance gets another one. */
  claim(name: string, what: string): void {
    if (name === '') throw new DdkError('invalid_argument', `The name of an ${what} is empty; give it one.`);
    if (this.#taken.has(name)) {
      const holder = this.#taken.get(name);
      if (holder === undefined) {
        throw new DdkError(
          'invalid_argument',
          `The name "${name}" of an ${what} is used twice in the graph; choose another.`,
        );
      }
      holder.name = this.fresh(name);
      this.#taken.set(holder.name, holder);
    }
    this.#taken.set(name, undefined);
  }
}
