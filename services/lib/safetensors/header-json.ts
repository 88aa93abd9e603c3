// A strict parser for the JSON of a safetensors header.
//
// JSON.parse would silently keep the last of two equal keys and accept any nesting, and both are ways to make two
// readers see two different files. The header's grammar is small and fixed in depth, so it is parsed by hand:
// duplicates are refused where they stand and nesting cannot go deeper than the grammar does.

import { DdkError } from '#base';

/** What stands under a tensor's name, before any of it is checked against the file. */
export interface RawEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface RawHeader {
  readonly metadata: Readonly<Record<string, string>>;
  readonly entries: ReadonlyMap<string, RawEntry>;
}

/** Dimensions a tensor may have; far above what any model uses. */
const maxRank = 64;

/** Parses header text. Throws a DdkError naming `where` and the position of the first fault. */
export function parseHeaderJson(text: string, where: string): RawHeader {
  return new HeaderParser(text, where).header();
}

class HeaderParser {
  readonly #text: string;
  readonly #where: string;
  #at = 0;

  constructor(text: string, where: string) {
    this.#text = text;
    this.#where = where;
  }

  header(): RawHeader {
    const entries = new Map<string, RawEntry>();
    let metadata: Record<string, string> | undefined;
    this.#object((key) => {
      if (key === '__metadata__') {
        if (metadata !== undefined) this.#fail('it has two __metadata__ objects');
        metadata = this.#metadata();
      } else {
        if (entries.has(key)) this.#fail(`tensor ${JSON.stringify(key)} appears twice`);
        entries.set(key, this.#entry(key));
      }
    });
    this.#space();
    if (this.#at !== this.#text.length) this.#fail('something follows the closing brace');
    return { metadata: metadata ?? {}, entries };
  }

  #metadata(): Record<string, string> {
    const values = new Map<string, string>();
    this.#object((key) => {
      if (values.has(key)) this.#fail(`metadata key ${JSON.stringify(key)} appears twice`);
      values.set(key, this.#string());
    });
    return Object.fromEntries(values);
  }

  #entry(name: string): RawEntry {
    let dtype: string | undefined;
    let shape: number[] | undefined;
    let offsets: number[] | undefined;
    const of = `of tensor ${JSON.stringify(name)}`;
    this.#object((key) => {
      if (key === 'dtype' && dtype === undefined) dtype = this.#string();
      else if (key === 'shape' && shape === undefined) shape = this.#integers();
      else if (key === 'data_offsets' && offsets === undefined) offsets = this.#integers();
      else this.#fail(`field ${JSON.stringify(key)} ${of} is unknown or appears twice`);
    });
    if (dtype === undefined || shape === undefined || offsets === undefined) {
      this.#fail(`one of dtype, shape and data_offsets ${of} is missing`);
    }
    const [begin, end] = offsets;
    if (begin === undefined || end === undefined || offsets.length !== 2) {
      this.#fail(`data_offsets ${of} must be two numbers`);
    }
    return { dtype, shape, begin, end };
  }

  #object(member: (key: string) => void): void {
    this.#expect('{');
    if (this.#accept('}')) return;
    do {
      const key = this.#string();
      this.#expect(':');
      member(key);
    } while (this.#accept(','));
    this.#expect('}');
  }

  #integers(): number[] {
    const values: number[] = [];
    this.#expect('[');
    if (this.#accept(']')) return values;
    do {
      if (values.length === maxRank) this.#fail(`a list holds more than ${maxRank} numbers`);
      values.push(this.#integer());
    } while (this.#accept(','));
    this.#expect(']');
    return values;
  }

  #integer(): number {
    this.#space();
    const start = this.#at;
    while (isDigit(this.#text.charCodeAt(this.#at))) this.#at++;
    const digits = this.#text.slice(start, this.#at);
    const value = Number(digits);
    // Leading zeros are not JSON, and above 2^53 a double no longer holds every integer.
    if (digits === '' || (digits.length > 1 && digits[0] === '0') || !Number.isSafeInteger(value)) {
      this.#fail('a whole number from 0 to 2^53 - 1 was expected');
    }
    return value;
  }

  #string(): string {
    this.#space();
    const start = this.#at;
    if (this.#text[start] !== '"') this.#fail('a string was expected');
    let at = start + 1;
    for (; at < this.#text.length && this.#text[at] !== '"'; at++) if (this.#text[at] === '\\') at++;
    this.#at = at + 1;
    try {
      return JSON.parse(this.#text.slice(start, this.#at)) as string;
    } catch {
      // JSON.parse's own message speaks of a position inside the slice, so ours is given instead.
      this.#at = start;
      return this.#fail('a string is not closed or has a bad escape');
    }
  }

  #space(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++;
  }

  #accept(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#accept(character)) this.#fail(`${JSON.stringify(character)} was expected`);
  }

  #fail(problem: string): never {
    throw new DdkError(
      'invalid_argument',
      `${this.#where} is not a valid safetensors file: ${problem} (character ${this.#at} of its header).`,
    );
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
