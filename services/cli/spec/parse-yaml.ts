// YAML as people write it by hand: what is wrong with it in their words, with the place, and no more of the text than a glance.
import { type Alias, type Document, LineCounter, parseDocument, visit } from 'yaml';
import { DdkError } from '#base';

/** A file that repeats itself more often is meant to fill the memory. */
const maxAliases = 100;
const maxQuotedChars = 120;

/** The value of one YAML document. invalid_argument names `label`, line and remedy. */
export function parseYaml(text: string, label: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { prettyErrors: false, lineCounter: lines });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `line ${line}, column ${col}`;
  };
  const [broken] = document.errors;
  if (broken?.code === 'MULTIPLE_DOCS')
    throw invalid(
      `${label} holds several documents, the second from ${place(broken.pos[0])}; leave one, without a line ---.`,
    );
  if (broken)
    throw invalid(`${label} is not valid YAML: ${quoted(broken.message)} at ${place(broken.pos[0])}.`);
  const alias = aliasOfNothing(document);
  if (alias) {
    const name = quoted(`*${alias.source}`);
    throw invalid(
      `${label}, ${place(alias.range?.[0] ?? 0)}: ${name} without quotes is a YAML alias, and there is no &${name.slice(1)} that it stands for; put it in quotes: "${name}".`,
    );
  }
  try {
    return document.toJS({ maxAliasCount: maxAliases });
  } catch (cause) {
    throw invalid(`${label} repeats itself by aliases more than ${maxAliases} times; write it out.`, cause);
  }
}

/** As in `paths: [*.txt]`. */
function aliasOfNothing(document: Document): Alias | undefined {
  let found: Alias | undefined;
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) !== undefined) return undefined;
      found = alias;
      return visit.BREAK;
    },
  });
  return found;
}

/** Of somebody's text: one line, short, and nothing that a terminal obeys. */
function quoted(text: string): string {
  const line = text.replace(/[\s\p{C}]+/gu, ' ').replace(/[.:]? *$/, '');
  return line.length > maxQuotedChars ? `${line.slice(0, maxQuotedChars)} ...` : line;
}

const invalid = (message: string, cause?: unknown): DdkError =>
  new DdkError('invalid_argument', message, { cause });
