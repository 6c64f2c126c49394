/**
 * The published JSON Schemas as an editor uses them, by ajv: they accept what the loader accepts, explain every field, and answer a
 * misspelt word with one error.
 */

import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import Ajv, { type ErrorObject } from 'ajv/dist/2020';
import fc from 'fast-check';
import { parse } from 'yaml';
import { listAssets, readAssetText } from '../../src/assets';
import { PaperFile } from '../../src/paper/schema';
import type { Part } from '../../src/paper/schema-part';
import { Statement } from '../../src/paper/statements';
import { accepts, type Fault } from '../../src/paper/validate';
import { Claim, GoldenFile } from '../../src/verify/golden-schema';
import { exampleFiles } from './sixth-paper';

setDefaultTimeout(60_000);

type Value = Record<string, unknown>;

const schemaOf = (name: string): Value => JSON.parse(readAssetText(`papers/schema/${name}.schema.json`));
const SCHEMAS = { paper: schemaOf('paper'), golden: schemaOf('golden') };
/** Whatever a schema does not mean is an error, but for types that are one of several. */
const STRICT = { strict: true, strictRequired: false, allowUnionTypes: true } as const;
const ajv = new Ajv({ ...STRICT, allErrors: true });
const COMPILED = { paper: ajv.compile(SCHEMAS.paper), golden: ajv.compile(SCHEMAS.golden) };
const PARTS: Record<Kind, Part> = { paper: PaperFile, golden: GoldenFile };
type Kind = keyof typeof SCHEMAS;

/** What an editor underlines; that an `if` held is no error of its own. */
function errorsOf(kind: Kind, value: unknown): ErrorObject[] {
  const validate = COMPILED[kind];
  validate(value);
  return (validate.errors ?? []).filter(({ keyword }) => keyword !== 'if');
}

const files = (folder: string): string[] => listAssets(folder).filter((name) => /^[^/]+\/[^/]+\.yaml$/.test(name));
const EXAMPLE = exampleFiles();
const SIXTH = { paper: asValue(parse(EXAMPLE['my-paper.yaml'])), golden: asValue(parse(EXAMPLE['my-golden.yaml'])) };

describe('accepted', () => {
  test.each(files('papers/'))('%s', (name) => expect(errorsOf('paper', parse(readAssetText(name)))).toEqual([]));
  test.each(files('golden/'))('%s', (name) => expect(errorsOf('golden', parse(readAssetText(name)))).toEqual([]));
  test.each(['paper', 'golden'] as const)('the sixth %s', (kind) => expect(errorsOf(kind, SIXTH[kind])).toEqual([]));
});

/** The examples of a union's kinds, by a name for each. */
const examplesOf = (part: Part): Value =>
  Object.fromEntries(
    part.node.is === 'union' ? part.node.members.map(({ about }, i) => [`example-${i}`, about.examples?.[0]]) : [],
  );

/** A file with every kind of statement, a block with every field that can be misspelt, and every claim. */
const FULL: Record<Kind, Value> = {
  paper: {
    ...SIXTH.paper,
    models: {
      m: {
        revision: null,
        licence: 'Apache-2.0',
        gated: null,
        architecture: {
          family: 'qwen3',
          hiddenSize: 64,
          layers: 2,
          heads: 4,
          kvHeads: 2,
          headDim: 16,
          intermediateSize: 128,
          vocabulary: 512,
          tiedEmbeddings: true,
        },
      },
    },
    datasets: { d: { train: 100, test: 10, classes: 2, extra: { more: 5 }, gated: null, meanTokens: 12 } },
    defaults: {
      ...asValue(SIXTH.paper.defaults),
      full: {
        unmeasured: 'no',
        quantisation: {
          kind: 'int8',
          threshold: 6,
          kbitPreparation: 'peft',
          tested: 'quantised',
          skipModules: ['score'],
        },
        adapter: {
          kind: 'adalora',
          initialRank: 12,
          targets: ['q_proj'],
          warmup: { ratio: 0.1 },
          final: { steps: 10 },
          budget: 'scheduled',
          rankPattern: { q_proj: 4 },
        },
        head: { kind: 'classification', pooling: 'last-token' },
        loss: { kind: 'dice-ce', reduction: 'example' },
        data: {
          parts: [{ name: 'a', rows: [{ kind: 'slice', begin: 1, end: null }] }],
          rows: [
            { kind: 'drop-duplicates', columns: ['text'], keep: 'first' },
            { kind: 'shuffle', by: 'pandas', seed: 1 },
          ],
          separator: 'tab',
          missingTexts: 'text',
          splitMethod: 'k-fold',
          folds: { of: 5, take: 1, shuffle: true },
          rest: 'train',
          testRows: 'held-out',
          truncationSide: 'left',
          transformers: 5,
          labels: { prompt: 'masked', padding: 'left-out', paddingAttention: 'full', eos: 'as-pad' },
          testLabels: { prompt: 'labelled' },
          testData: { source: 'given/other', truncationSide: 'right' },
        },
        training: {
          optimiser: { kind: 'adafactor', epsilon: [1e-30, 1e-3], relativeStep: true },
          schedule: { kind: 'cosine', warmup: { steps: 3 } },
          lossScaling: { initial: 2 },
          selection: 'best-loss',
          evaluateEvery: { steps: 4 },
          earlyStopping: { patience: 2, threshold: 0 },
          onDivergence: 'record',
          lastAccumulation: 'step',
        },
        generation: { maxNewTokens: 3, sampling: { temperature: 1, topK: null, topP: 0.9 }, echo: true },
        choices: { by: 'generated', names: ['a', 'b'], goldIs: 'index', take: 'last' },
        metrics: ['macro-f1'],
        released: { 'choices.by': 'the code' },
      },
    },
    matrix: { warmup: { title: 'Warm-up', levels: { '200': { title: 'long', mini: { model: 'mini/base-small' } } } } },
    statements: examplesOf(Statement),
  },
  golden: {
    ...SIXTH.golden,
    context: [{ what: 'rows', value: '10', where: 'table 1' }],
    claims: examplesOf(Claim),
    audit: { gain: 'no' },
    mini: [
      {
        experiment: 'short',
        seed: 1,
        path: 'cpu-fp32',
        specSha256: '0'.repeat(64),
        dataSha256: '0'.repeat(64),
        metrics: { accuracy: { value: 0.5, bits: '3fe0000000000000', tolerance: 0.1 } },
      },
    ],
  },
};

describe('one misspelt word, one error', () => {
  test.each(['paper', 'golden'] as const)('%s: the whole file is right before', (kind) => {
    expect(errorsOf(kind, FULL[kind])).toEqual([]);
  });

  const block = ['defaults', 'full'];
  const statement = (kind: string): string[] => ['statements', nameOf(FULL.paper.statements, kind)];
  const claim = (kind: string): string[] => ['claims', nameOf(FULL.golden.claims, kind)];
  test.each<[Kind, Step[], string, string]>([
    ['paper', [], 'experiments', 'experimnts'],
    ['paper', ['task'], 'sequence-classification', 'sequence-clasification'],
    ['paper', ['experiments', 'short'], 'title', 'titel'],
    ['paper', ['defaults'], 'full', 'ful'],
    ['paper', [...block, 'quantisation', 'kind'], 'int8', 'int-8'],
    ['paper', [...block, 'quantisation'], 'threshold', 'treshold'],
    ['paper', [...block, 'adapter', 'kind'], 'adalora', 'adalroa'],
    ['paper', [...block, 'adapter'], 'initialRank', 'initalRank'],
    ['paper', [...block, 'adapter', 'warmup'], 'ratio', 'ration'],
    ['paper', [...block, 'adapter', 'final'], 'steps', 'step'],
    ['paper', [...block, 'head', 'kind'], 'classification', 'clasification'],
    ['paper', [...block, 'head'], 'kind', 'knd'],
    ['paper', [...block, 'head'], 'pooling', 'poling'],
    ['paper', [...block, 'head', 'pooling'], 'last-token', 'last-tokn'],
    ['paper', [...block, 'loss', 'kind'], 'dice-ce', 'dice-cee'],
    ['paper', [...block, 'loss'], 'reduction', 'reducton'],
    ['paper', [...block, 'data', 'splitMethod'], 'k-fold', 'kfold'],
    ['paper', [...block, 'data', 'rows', 0, 'kind'], 'drop-duplicates', 'drop-duplicate'],
    ['paper', [...block, 'data', 'rows', 0], 'kind', 'kin'],
    ['paper', [...block, 'data', 'testData'], 'source', 'sorce'],
    ['paper', [...block, 'data', 'folds'], 'shuffle', 'shufle'],
    ['paper', [...block, 'training', 'optimiser', 'kind'], 'adafactor', 'adafctor'],
    ['paper', [...block, 'training', 'optimiser'], 'relativeStep', 'relativStep'],
    ['paper', [...block, 'training', 'schedule', 'kind'], 'cosine', 'cosin'],
    ['paper', [...block, 'training', 'selection'], 'best-loss', 'bestloss'],
    ['paper', [...block, 'training', 'evaluateEvery'], 'steps', 'stps'],
    ['paper', [...block, 'training', 'earlyStopping'], 'patience', 'patiance'],
    ['paper', [...block, 'generation', 'sampling'], 'temperature', 'temprature'],
    ['paper', [...block, 'choices', 'by'], 'generated', 'generate'],
    ['paper', ['models', 'm', 'architecture', 'family'], 'qwen3', 'qwn3'],
    ['paper', ['models', 'm'], 'licence', 'license'],
    ['paper', [...statement('relative-change'), 'kind'], 'relative-change', 'relativ-change'],
    ['paper', statement('relative-change'), 'percent', 'percnt'],
    ['paper', statement('relative-change'), 'kind', 'kid'],
    ['paper', statement('adapter-parameters'), 'targets', 'target'],
    ['paper', [...statement('bound'), 'beyond'], 'over', 'above'],
    ['golden', [...claim('beats'), 'kind'], 'beats', 'beat'],
    ['golden', claim('beats'), 'winner', 'winer'],
    ['golden', [...claim('changes-more'), 'of'], 'size', 'siz'],
    ['golden', claim('human'), 'accepted', 'acepted'],
  ])('%s %j: %s -> %s', (kind, path, from, to) => {
    const wrong = misspelt(FULL[kind], path, from, to);
    const errors = errorsOf(kind, wrong);
    expect(errors.map(({ instancePath }) => instancePath)).toEqual([['', ...path].join('/')]);
    expect(accepts(PARTS[kind], wrong, [])).toBe(false);
  });

  test.each(['paper', 'golden'] as const)('%s: whichever word it is, never two', (kind) => {
    const counts = [0, 0];
    for (const { path, word } of wordsIn(FULL[kind])) {
      const errors = errorsOf(kind, misspelt(FULL[kind], path, word, `${word}x`));
      expect({ path, word, errors: errors.slice(1) }).toEqual({ path, word, errors: [] });
      counts[errors.length]!++;
    }
    // the others are names and texts, which can be anything
    expect(counts[1]).toBeGreaterThan(kind === 'paper' ? 250 : 80);
  });
});

test.each(['paper', 'golden'] as const)('%s: the loader and the JSON Schema refuse the same damage', (kind) => {
  const bases = [
    FULL[kind],
    ...files(kind === 'paper' ? 'papers/' : 'golden/').map((name) => asValue(parse(readAssetText(name)))),
  ];
  const odd = fc.constantFrom<unknown>(
    null,
    true,
    0,
    1,
    -1,
    0.5,
    2,
    1.5,
    1e6,
    '',
    'x',
    'last',
    'adamw',
    [],
    ['x'],
    [1],
    {},
    { kind: 'sum' },
    { steps: 1 },
  );
  const places = bases.map((base) => placesIn(base));
  const validates = new Ajv({ ...STRICT }).compile(SCHEMAS[kind]);
  const verdicts = new Set<boolean>();
  fc.assert(
    fc.property(fc.nat(), fc.nat(), odd, fc.nat(3), (base, at, value, how) => {
      const which = base % bases.length;
      const path = places[which]![at % places[which]!.length]!;
      const damaged = structuredClone(bases[which]!);
      damage(damaged, path, value, how);
      const faults: Fault[] = [];
      const loaded = accepts(PARTS[kind], damaged, faults);
      verdicts.add(loaded);
      expect({ path, how, faults, valid: validates(damaged) }).toEqual({ path, how, faults, valid: loaded });
    }),
    { numRuns: 250, includeErrorInReport: true },
  );
  expect(verdicts.size).toBe(2);
});

describe('as a page', () => {
  test.each(['paper', 'golden'] as const)('%s explains every field', (kind) => {
    const fields = fieldsIn(SCHEMAS[kind]);
    expect(fields.length).toBeGreaterThan(40);
    expect(fields.filter(({ schema }) => !isExplained(schema, SCHEMAS[kind])).map(({ name }) => name)).toEqual([]);
  });

  test.each(['paper', 'golden'] as const)('%s stays below 4,000 lines', (kind) => {
    expect(readAssetText(`papers/schema/${kind}.schema.json`).split('\n').length).toBeLessThan(4000);
  });

  test('metrics and modules are offered, and other words are taken', () => {
    expect(JSON.stringify(SCHEMAS.paper)).toContain('"q_proj"');
    const { metric } = asValue(SCHEMAS.paper.$defs);
    expect(asValue(metric).examples).toEqual(
      expect.arrayContaining(['macro-f1', 'rougeL', 'perplexity', 'choice-accuracy']),
    );
  });
});

// --- internal ---

type Step = string | number;

function asValue(value: unknown): Value {
  if (typeof value !== 'object' || value === null) throw new Error(`${JSON.stringify(value)} is no object`);
  return { ...value };
}

const isBranch = (value: unknown): value is Record<Step, unknown> => typeof value === 'object' && value !== null;

/** The name under which a kind stands. */
function nameOf(all: unknown, kind: string): string {
  const found = Object.entries(asValue(all)).find(([, one]) => asValue(one).kind === kind);
  if (found === undefined) throw new Error(`there is no ${kind}`);
  return found[0];
}

function at(value: unknown, path: readonly Step[]): unknown {
  return path.reduce((here: unknown, step) => (isBranch(here) ? here[step] : undefined), value);
}

/** A copy with one word changed: the text at `path`, or a key of the object there. */
function misspelt(value: Value, path: readonly Step[], from: string, to: string): Value {
  const copy = structuredClone(value);
  const here = at(copy, path);
  const parent = at(copy, path.slice(0, -1));
  const last = path.at(-1);
  if (here === from && isBranch(parent) && last !== undefined) parent[last] = to;
  else if (isBranch(here) && from in here) {
    here[to] = here[from];
    delete here[from];
  } else throw new Error(`there is no ${from} at ${path.join('.')}`);
  return copy;
}

/** Every key and every text of a value, with the path that `misspelt` wants. */
function wordsIn(value: unknown, path: readonly Step[] = []): { path: readonly Step[]; word: string }[] {
  if (typeof value === 'string') return value === '' ? [] : [{ path, word: value }];
  if (Array.isArray(value)) return value.flatMap((item, i) => wordsIn(item, [...path, i]));
  if (!isBranch(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => [{ path, word: key }, ...wordsIn(inner, [...path, key])]);
}

/** The path of everything in a value but the value itself. */
function placesIn(value: unknown, path: readonly Step[] = []): (readonly Step[])[] {
  const own = path.length === 0 ? [] : [path];
  if (Array.isArray(value)) return [...own, ...value.flatMap((item, i) => placesIn(item, [...path, i]))];
  if (!isBranch(value)) return own;
  return [...own, ...Object.entries(value).flatMap(([key, inner]) => placesIn(inner, [...path, key]))];
}

/** Puts something else in a place, takes it away, adds a field beside it, or renames it. */
function damage(whole: Value, path: readonly Step[], value: unknown, how: number): void {
  const parent = at(whole, path.slice(0, -1));
  const last = path.at(-1);
  if (!isBranch(parent) || last === undefined) return;
  if (how === 0 || Array.isArray(parent)) parent[last] = value;
  else if (how === 1) delete parent[last];
  else if (how === 2) parent.other = value;
  else {
    parent[`${last}x`] = parent[last];
    delete parent[last];
  }
}

/** Every property of a JSON Schema. */
function fieldsIn(schema: unknown, name = ''): { name: string; schema: unknown }[] {
  if (Array.isArray(schema)) return schema.flatMap((one) => fieldsIn(one, name));
  if (!isBranch(schema)) return [];
  return Object.entries(schema).flatMap(([key, inner]) => {
    // the condition that tells kinds apart says nothing to a reader
    if (key === 'if' || key === 'examples') return [];
    if (key !== 'properties') return fieldsIn(inner, `${name}/${key}`);
    return Object.entries(asValue(inner)).flatMap(([field, one]) => [
      { name: `${name}/${field}`, schema: one },
      ...fieldsIn(one, `${name}/${field}`),
    ]);
  });
}

/** Whether a field is described where it stands or where it is defined. */
function isExplained(schema: unknown, root: Value): boolean {
  const { description, $ref } = asValue(schema);
  if (typeof description === 'string' && description.length > 3) return true;
  if (typeof $ref !== 'string') return false;
  return isExplained(at(root, $ref.slice(2).split('/')), root);
}
