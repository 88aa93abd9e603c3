// HTML that cannot be broken by what is put into it: text is escaped where it is inserted, markup has its own type.

/** Markup made by {@link html} or trusted by {@link markup}. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Insert = string | number | Markup | readonly Markup[];

/** A template whose strings and numbers are escaped and whose markup is inserted as it is. */
export function html(parts: TemplateStringsArray, ...inserts: readonly Insert[]): Markup {
  return new Markup(parts.map((part, index) => part + inserted(inserts[index] ?? '')).join(''));
}

/** Markup from elsewhere in this folder, such as a rendered plot. */
export function markup(text: string): Markup {
  return new Markup(text);
}

export const nothing = new Markup('');

function inserted(insert: Insert): string {
  if (typeof insert === 'string' || typeof insert === 'number') return escapeHtml(String(insert));
  if (insert instanceof Markup) return insert.text;
  return insert.map((item) => item.text).join('\n');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and for quoted attributes. Control characters, which HTML does not allow, are left out. */
export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => entities[character]!);
}

/** Without control characters, lone surrogates and marks that change the direction of the text around them. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ');
}
