/** docs/spec.md out of the schemas: every field, kind and metric, with examples. `bun scripts/schemas.ts` writes it. */

import { stringify } from 'yaml';
import { DEFAULTS } from '../src/paper/defaults';
import { KNOWN, PEER_DEFAULTS } from '../src/paper/peers';
import { PaperFile, Settings } from '../src/paper/schema';
import { membersOf, type Part, plainName, wordsOf } from '../src/paper/schema-part';
import { Statement } from '../src/paper/statements';
import { METRICS, type MetricEntry } from '../src/run/metrics';
import { Claim, GoldenFile } from '../src/verify/golden-schema';

/** The text of docs/spec.md. */
export function specPage(): string {
  const page = new Page();
  page.title('Every field of a spec and of a golden file', 1);
  page.text(
    '`bun scripts/schemas.ts` writes this page from the schemas; a test fails while it is not current, and loads every example.',
    'A whole spec with its golden file: [sixth-paper.md](sixth-paper.md).',
    'Fields in *italics* may be missing. A setting that nothing names has its default, and is marked `assumed`.',
  );

  page.title('The paper file');
  page.object(PaperFile, '', ['block', 'statement']);
  page.title('Blocks');
  page.text(
    'A block holds any part of the settings. Blocks are laid over each other field by field: `defaults.both`, `defaults.as-released`,',
    '`defaults.<scale>`, then the same three of the experiment that this one extends, then its own. Below them all are what the releases',
    'under `peers` did, and below those the defaults. Lists, and objects whose `kind` changes, are replaced. A block also has:',
  );
  const [block] = objectsIn(fieldOf(fieldOf(PaperFile, 'defaults'), 'both'));
  page.object(block!, '', [], ['section', 'released', 'assumed', 'peers']);

  page.title('Releases of the libraries', 3);
  page.text(
    'What `peers` sets, where no block says otherwise. A patch release counts as its minor one; of other releases nothing is known:',
    'naming one is an error.',
  );
  page.peers();

  page.title('Settings');
  page.object(Settings, '', []);

  page.title('Metrics');
  for (const [of, entries] of Object.entries(METRICS)) page.metrics(METRICS_OF[of] ?? of, entries);

  page.title('Statements');
  page.kinds(Statement, 'statements');

  page.title('The golden file');
  page.object(GoldenFile, '', ['claim']);
  page.title('Claims');
  page.kinds(Claim, 'claims');
  return page.toString();
}

// --- internal ---

const METRICS_OF: Readonly<Record<string, string>> = {
  classes: 'Of a classifier',
  texts: 'Of generated texts',
  losses: 'Of the losses of test rows',
  training: 'Of the training curve',
  choices: 'Of questions with given choices',
};

type Field = readonly [name: string, part: Part];

class Page {
  private readonly lines: string[] = [];
  /** Objects with a name that have their table. */
  private readonly written = new Set<string>();

  toString(): string {
    return `${this.lines.join('\n').trimEnd()}\n`;
  }

  title(text: string, depth = 2): void {
    this.lines.push(`${'#'.repeat(depth)} ${text}`, '');
  }

  /** What each release is known to have done. */
  peers(): void {
    this.lines.push('| releases | setting | value | where it was read or measured |', '|---|---|---|---|');
    for (const { peer, path, value, releases, when = {}, but, source } of PEER_DEFAULTS) {
      const known = (releases === undefined ? KNOWN[peer] : [releases]).map(([first, last]) =>
        first === last ? first : `${first} to ${last}`,
      );
      const conditions = Object.entries(when).map(([name, values]) => ` with \`${name}\` ${values.join(', ')}`);
      const what = `\`${JSON.stringify(value)}\`${conditions.join(' and')}${but === undefined ? '' : `; ${but}`}`;
      this.lines.push(`| ${peer} ${known.join(', ')} | \`${path}\` | ${cell(what)} | ${cell(source)} |`);
    }
    this.lines.push('');
  }

  text(...lines: readonly string[]): void {
    if (lines.some((line) => line !== '')) this.lines.push(...lines, '');
  }

  /**
   * The fields of an object, then the objects that are in them.
   *
   * @param elsewhere names of parts that have a section of their own
   * @param only the fields to write; absent = all
   */
  object(part: Part, path: string, elsewhere: readonly string[], only?: readonly string[]): void {
    const fields = fieldsOf(part).filter(([name]) => only?.includes(plainName(name)) ?? true);
    this.table(fields, path);
    for (const [name, field] of fields) this.inside(field, joined(path, plainName(name)), elsewhere);
  }

  /** Every kind of a union with the fields of its own, after those that all have. */
  kinds(kinds: Part, key: string): void {
    const all = objectsIn(kinds);
    const shared = (name: string): boolean => all.every((part) => fieldsOf(part).some(([one]) => one === name));
    const common = fieldsOf(all[0]!).filter(([name]) => name !== 'kind' && shared(name));
    this.text(`Under \`${key}\`, each by a name of its own. All have \`kind\` and:`);
    this.table(common, key);
    for (const [name, field] of common) this.inside(field, joined(key, plainName(name)), []);
    for (const part of all) {
      const kind = kindOf(part);
      this.title(`\`${kind}\``, 3);
      this.text(part.about.summary ?? '');
      const own = fieldsOf(part).filter(([name]) => name !== 'kind' && !common.some(([one]) => one === name));
      this.table(own, key);
      for (const [name, field] of own) {
        for (const inner of objectsIn(field)) this.nested(`\`${plainName(name)}\``, inner, key);
      }
      for (const example of part.about.examples ?? []) this.example({ [key]: { [`a-${kind}`]: example } });
    }
  }

  metrics(title: string, entries: readonly MetricEntry[]): void {
    this.title(title, 3);
    this.lines.push('| metric | what it is |', '|---|---|');
    for (const { id, description } of entries) this.lines.push(`| \`${id}\` | ${cell(description)} |`);
    this.lines.push('');
    const ids = entries.slice(0, 2).map(({ id }) => id);
    const choices = { by: 'log-likelihood', names: ['A', 'B'], gold: '{answer}' };
    this.example(ids.some((id) => id.startsWith('choice-')) ? { metrics: ids, choices } : { metrics: ids });
  }

  /** The objects that a field holds, a section for the field. */
  private inside(field: Part, path: string, elsewhere: readonly string[]): void {
    const objects = objectsIn(field).filter(
      ({ about: { name = '' } }) => !elsewhere.some((one) => name.startsWith(one)),
    );
    const fresh = objects.filter(({ about: { name } }) => name === undefined || !this.written.has(name));
    for (const { about } of fresh) if (about.name !== undefined) this.written.add(about.name);
    if (fresh.length === 0) return;
    this.title(`\`${path}\``, 3);
    for (const part of fresh) {
      const kind = kindOf(part);
      if (fresh.length > 1 && kind !== '') this.title(`\`${path}\`: \`${kind}\``, 4);
      this.text(part.about.summary ?? '');
      this.object(part, path, elsewhere);
      for (const example of part.about.examples ?? []) this.example(under(path, example));
    }
  }

  /** An object within a kind: a table of its own, without a section. */
  private nested(what: string, part: Part, key: string): void {
    this.text(`${what}:`);
    this.table(fieldsOf(part), key);
  }

  private table(fields: readonly Field[], path: string): void {
    if (fields.length === 0) return;
    const kinds = wordsOf(fields.find(([name]) => name === 'kind')?.[1]);
    this.lines.push('| field | value | what it means |', '|---|---|---|');
    for (const [name, part] of fields) {
      const plain = plainName(name);
      const shown = plain === name ? `\`${plain}\`` : `*\`${plain}\`*`;
      const meaning = [part.about.description ?? summaryOf(part), ...defaultsOf(joined(path, plain), kinds)].join('\n');
      this.lines.push(`| ${shown} | ${cell(inWords(part))} | ${cell(meaning)} |`);
    }
    this.lines.push('');
  }

  private example(value: unknown): void {
    this.lines.push('```yaml', stringify(value, { lineWidth: 0 }).trimEnd(), '```', '');
  }
}

const joined = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

const under = (path: string, value: unknown): unknown =>
  path.split('.').reduceRight((inner: unknown, name) => ({ [name]: inner }), value);

/** The fields of an object; none of anything else. */
const fieldsOf = ({ node }: Part): readonly Field[] => (node.is === 'object' ? Object.entries(node.fields) : []);

function fieldOf(part: Part, name: string): Part {
  const [, field] = fieldsOf(part).find(([one]) => plainName(one) === name) ?? [];
  if (field === undefined) throw new Error(`the schema has no field ${name}`);
  return field;
}

/** The objects that a part is, is a list or a map of, or has among its kinds. */
function objectsIn(part: Part): readonly Part[] {
  const { node } = part;
  if (node.is === 'object') return [part];
  if (node.is === 'list') return objectsIn(node.items);
  if (node.is === 'map') return objectsIn(node.values);
  return node.is === 'union' ? membersOf(node.members).flatMap(objectsIn) : [];
}

/** The first word that tells the kind of an object; empty where it has no kind. */
const kindOf = (part: Part): string => wordsOf(fieldsOf(part).find(([name]) => name === 'kind')?.[1])[0] ?? '';

const summaryOf = (part: Part): string =>
  part.about.summary ??
  (part.node.is === 'union' ? (part.node.members.find(({ about }) => about.summary)?.about.summary ?? '') : '');

/** What a part can be, in words. */
function inWords(part: Part): string {
  const { node } = part;
  const words = wordsOf(part);
  if (words.length > 0) return words.map((word) => `\`${word}\``).join(', ');
  switch (node.is) {
    case 'value':
      if (node.notation instanceof RegExp) return `text like \`${node.notation.source}\``;
      return typeof node.notation === 'string'
        ? spelt(node.notation)
        : `list of ${node.notation.map(spelt).join(' and ')}`;
    case 'object':
      return 'fields';
    case 'map':
      return `names with ${inWords(node.values)}`;
    case 'list':
      return `list of ${inWords(node.items)}`;
    case 'union':
      return [...new Set(membersOf(node.members).map(inWords))].join(' or ');
  }
}

/** arktype's notation in words. */
const spelt = (notation: string): string =>
  notation
    .split(' | ')
    .map((one) => WORDS[one] ?? `\`${one.replace('number.integer', 'integer')}\``)
    .join(' or ');

const WORDS: Readonly<Record<string, string>> = {
  'string >= 1': 'text',
  string: 'text',
  'string[]': 'list of text',
  boolean: '`true`, `false`',
  null: '`null`',
  number: 'number',
};

/**
 * The defaults of a setting, of several with one condition the first, which counts.
 *
 * @param kinds the kinds of the object that it is of; empty where that has no kind
 */
function defaultsOf(path: string, kinds: readonly string[]): string[] {
  const kind = path.replace(/[^.]+$/, 'kind');
  const found = new Map<string, string>();
  for (const { path: own, value, when = {}, of } of DEFAULTS) {
    if (own !== path || (path === kind && !kinds.includes(String(value)))) continue;
    const fits = kinds.length === 0 || when[kind] === undefined || kinds.some((one) => when[kind]?.includes(one));
    const others = Object.entries(when).filter(([name]) => name !== kind || kinds.length === 0);
    const condition = others.map(([name, values]) => ` with \`${name}\` ${values.join(', ')}`).join(' and');
    if (fits && !found.has(condition)) {
      found.set(condition, `Default${condition}: \`${JSON.stringify(value)}\` (${of}).`);
    }
  }
  return [...found.values()];
}

/** Text in a cell of a table. */
const cell = (text: string): string =>
  text.trim().replaceAll('|', '\\|').replace(/\n+- /g, '<br>• ').replace(/\n+/g, '<br>');
