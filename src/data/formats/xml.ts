/**
 * A small strict XML reader: elements, attributes, text, CDATA, comments, processing instructions.
 *
 * The five named entities and numeric references are known; a document type is rejected, so that no entity can be declared,
 * expanded or fetched. Namespaces are left in the names.
 */

import { damaged } from './format';

export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** All text directly inside, in order; children's text is theirs. */
  readonly text: string;
  /** Line on which the tag opens, from 1. */
  readonly line: number;
}

/** @throws MedreproError `input` with the line of what is not well-formed. */
export function parseXml(text: string, file: string): XmlElement {
  return new Reader(text, file).document();
}

// --- internal ---

const MAX_DEPTH = 100;
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
const NAME = /[A-Za-z_:\u00c0-\uffff][\w:.\-\u00b7-\uffff]*/y;
const SPACE = /[ \t\r\n]*/y;

interface Open {
  readonly name: string;
  readonly attributes: Map<string, string>;
  readonly children: XmlElement[];
  readonly parts: string[];
  readonly line: number;
}

class Reader {
  private at = 0;
  private line = 1;
  private counted = 0;

  constructor(
    private readonly source: string,
    private readonly file: string,
  ) {}

  document(): XmlElement {
    const open: Open[] = [];
    let root: XmlElement | null = null;
    while (this.at < this.source.length) {
      const next = this.source.indexOf('<', this.at);
      const end = next < 0 ? this.source.length : next;
      const run = this.source.slice(this.at, end);
      if (run !== '') {
        const current = open.at(-1);
        if (current !== undefined) current.parts.push(this.unescape(run));
        else if (run.trim() !== '') throw this.wrong('there is text outside the root element');
        this.at = end;
      }
      if (next < 0) break;
      if (this.skips('<!--')) this.until('-->', 'a comment is never closed');
      else if (this.skips('<?')) this.until('?>', 'a processing instruction is never closed');
      else if (this.skips('<![CDATA[')) {
        const content = this.until(']]>', 'a CDATA section is never closed');
        if (open.length === 0) throw this.wrong('there is text outside the root element');
        open.at(-1)!.parts.push(content);
      } else if (this.source.startsWith('<!', this.at)) {
        throw this.wrong('it declares a document type or entities, which are not read');
      } else if (this.skips('</')) {
        const name = this.name();
        this.space();
        if (!this.skips('>')) throw this.wrong(`the end tag of ${name} is not closed`);
        const closing = open.pop();
        if (closing?.name !== name)
          throw this.wrong(`</${name}> closes ${closing === undefined ? 'nothing' : `<${closing.name}>`}`);
        const element = finished(closing);
        if (open.length > 0) open.at(-1)!.children.push(element);
        else root = element;
      } else {
        if (root !== null) throw this.wrong('there is a second root element');
        const { element, empty } = this.startTag();
        if (!empty) {
          if (open.length >= MAX_DEPTH) throw this.wrong('elements are nested too deeply');
          open.push(element);
        } else if (open.length > 0) open.at(-1)!.children.push(finished(element));
        else root = finished(element);
      }
    }
    const unclosed = open.at(-1);
    if (unclosed !== undefined) throw damaged(this.file, `<${unclosed.name}> is never closed`, unclosed.line);
    if (root === null) throw this.wrong('there is no element');
    return root;
  }

  private startTag(): { element: Open; empty: boolean } {
    const line = this.here();
    this.at++;
    const name = this.name();
    const attributes = new Map<string, string>();
    for (;;) {
      this.space();
      if (this.skips('/>')) return { element: { name, attributes, children: [], parts: [], line }, empty: true };
      if (this.skips('>')) return { element: { name, attributes, children: [], parts: [], line }, empty: false };
      const attribute = this.name();
      this.space();
      if (!this.skips('=')) throw this.wrong(`attribute ${attribute} has no value`);
      this.space();
      const quote = this.source[this.at];
      if (quote !== '"' && quote !== "'") throw this.wrong(`the value of ${attribute} is not quoted`);
      this.at++;
      const value = this.until(quote, `the value of ${attribute} is never closed`);
      if (attributes.has(attribute)) throw this.wrong(`attribute ${attribute} is there twice`);
      attributes.set(attribute, this.unescape(value));
    }
  }

  private unescape(text: string): string {
    if (!text.includes('&')) return text;
    return text.replace(/&([^;&\s]{0,12};?)/g, (whole, inner: string) => {
      const entity = inner.endsWith(';') ? inner.slice(0, -1) : null;
      const numeric = entity === null ? null : /^#(?:x([0-9a-f]{1,6})|(\d{1,7}))$/i.exec(entity);
      if (numeric !== null) {
        const code = numeric[1] === undefined ? Number(numeric[2]) : Number.parseInt(numeric[1], 16);
        if (code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)) return String.fromCodePoint(code);
      } else if (entity !== null && Object.hasOwn(ENTITIES, entity)) return ENTITIES[entity]!;
      throw this.wrong(`${JSON.stringify(whole)} is no entity that is read here`);
    });
  }

  private name(): string {
    NAME.lastIndex = this.at;
    const found = NAME.exec(this.source)?.[0];
    if (found === undefined) throw this.wrong('a name is missing in a tag');
    this.at += found.length;
    return found;
  }

  private space(): void {
    SPACE.lastIndex = this.at;
    this.at += SPACE.exec(this.source)![0].length;
  }

  private skips(text: string): boolean {
    const there = this.source.startsWith(text, this.at);
    if (there) this.at += text.length;
    return there;
  }

  private until(end: string, otherwise: string): string {
    const found = this.source.indexOf(end, this.at);
    if (found < 0) throw this.wrong(otherwise);
    const content = this.source.slice(this.at, found);
    this.at = found + end.length;
    return content;
  }

  /** The line at the current place. */
  private here(): number {
    for (; this.counted < this.at; this.counted++) if (this.source[this.counted] === '\n') this.line++;
    return this.line;
  }

  private wrong(what: string) {
    return damaged(this.file, `this is not well-formed XML: ${what}`, this.here());
  }
}

const finished = ({ name, attributes, children, parts, line }: Open): XmlElement => ({
  name,
  attributes,
  children,
  text: parts.join(''),
  line,
});
