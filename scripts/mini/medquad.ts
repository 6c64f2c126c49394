/**
 * The miniature MedQuAD: English questions and answers with a question type, in the columns of the MedQuAD CSV, under
 * the names that specs give them.
 *
 *   bun scripts/mini/medquad.ts            writes papers/mini/medquad/train.csv
 *   bun scripts/mini/medquad.ts --check    compares the committed file with what this script makes
 *
 * Every row is composed from the knowledge base that the pre-training text draws on too, in sentences of its own: the facts
 * are known to the bases, the form of the answers is not.
 */
import { type GeneratedFile, writeOrCheck } from './files';
import { type Condition, TOPICS } from './knowledge/index';
import { Random } from './random';

/** One seed for the data set; the abjadmed set uses streams 11 to 14. */
const SEED = 82;
const STREAM = 21;

/** Rows of each question type; symptoms are many, because one paper trains on them alone. */
const ROWS = { symptoms: 240, information: 120, treatment: 120, causes: 120, 'exams and tests': 80, prevention: 60 };

export type QuestionType = keyof typeof ROWS;

export interface MedQuadRow {
  readonly qtype: QuestionType;
  readonly question: string;
  readonly answer: string;
}

/** All rows in file order: shuffled once. No question occurs twice. */
export function miniMedQuad(): readonly MedQuadRow[] {
  const random = new Random(SEED, STREAM);
  const conditions = [...TOPICS.values()].flatMap(({ en }) => (en.kind === 'condition' ? [en] : []));
  const rows = (Object.keys(ROWS) as QuestionType[]).flatMap((qtype) => {
    // every name of every condition, in random order; symptoms need two wordings to be enough
    const named = random.shuffle(
      conditions.flatMap((condition) => condition.names.map((name) => ({ condition, name }))),
    );
    const asked = ASKS[qtype].flatMap((ask) =>
      named.map((one) => ({ ...one, question: ask.replace('{n}', one.name) })),
    );
    return asked
      .slice(0, ROWS[qtype])
      .map(({ condition, name, question }) => ({ qtype, question, answer: answerOf(random, qtype, name, condition) }));
  });
  return random.shuffle(rows);
}

/** RFC 4180. */
export function toCsv(rows: readonly MedQuadRow[]): string {
  const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;
  const lines = rows.map(({ qtype, question, answer }) => [qtype, question, answer].map(quoted).join(','));
  return ['qtype,question,answer', ...lines, ''].join('\n');
}

export const medQuadFiles = (): GeneratedFile[] => [{ path: 'medquad/train.csv', content: toCsv(miniMedQuad()) }];

// --- internal ---

const ASKS: Readonly<Record<QuestionType, readonly string[]>> = {
  symptoms: ['What are the symptoms of {n} ?', 'How do I know whether it is {n} ?'],
  information: ['What is (are) {n} ?'],
  treatment: ['What are the treatments for {n} ?'],
  causes: ['What causes {n} ?'],
  'exams and tests': ['How is {n} found ?'],
  prevention: ['What can be done about {n} at home ?'],
};

function answerOf(random: Random, qtype: QuestionType, name: string, condition: Condition): string {
  const { signs, causes, tests, care, advice } = condition;
  /** All of them, or all but one. */
  const most = (list: readonly string[]): string[] => random.sample(list, Math.max(1, list.length - random.below(2)));
  const seek = random.chance(50) ? ' A doctor should be asked when it does not get better.' : '';
  const home = (): string => `Advice for home: ${random.pick(advice)}.`;
  switch (qtype) {
    case 'symptoms': {
      const test = random.chance(40) ? ` A doctor may order ${random.pick(tests)}.` : '';
      return `People with ${name} often notice ${enumerate(most(signs))}.${test}${seek}`;
    }
    case 'information':
      return `The name ${name} stands for a health problem. It may show as ${enumerate(most(signs))}, and can come from ${random.pick(causes)}.${seek}`;
    case 'treatment':
      return `The treatments for ${name} include ${enumerate(most(care))}. ${home()}${seek}`;
    case 'causes':
      return `The causes of ${name} include ${enumerate(most(causes))}. The first thing noticed is often ${random.pick(signs)}.`;
    case 'exams and tests':
      return `Doctors look for ${name} with ${enumerate(most(tests))} when somebody has ${random.pick(signs)}.`;
    case 'prevention':
      return `With ${name}, this is advised: ${most(advice).join('; ')}. Later ${random.pick(care)} may be needed.`;
  }
}

/** `a`, `a and b`, `a, b and c`. */
function enumerate(list: readonly string[]): string {
  return list.length < 2 ? (list[0] ?? '') : `${list.slice(0, -1).join(', ')} and ${list.at(-1)}`;
}

if (import.meta.main) writeOrCheck(medQuadFiles());
