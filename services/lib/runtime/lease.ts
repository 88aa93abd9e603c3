// When memory that native code may be using can be freed: after its owner released it and the last run ended.

export class Lease {
  readonly #free: () => void;
  #released = false;
  #runs = 0;

  constructor(free: () => void) {
    this.#free = free;
  }

  get released(): boolean {
    return this.#released;
  }

  /** Keeps the memory until the function that is returned is called, even if it is released meanwhile. */
  hold(): () => void {
    this.#runs++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#runs--;
      if (this.#released && this.#runs === 0) this.#free();
    };
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    if (this.#runs === 0) this.#free();
  }
}
