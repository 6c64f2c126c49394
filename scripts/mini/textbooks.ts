/**
 * The miniature MedicalTextbook_QA: multiple-choice questions from thirteen "books", one column a
 * choice.
 *
 *   bun scripts/mini/textbooks.ts            writes papers/mini/textbooks/train.csv
 *   bun scripts/mini/textbooks.ts --check    compares the committed file with what this script makes
 *
 * A question asks what belongs to a condition of the knowledge base; the three wrong choices belong to other conditions and to
 * this one not. The book is a label alone: each has the same number of questions, as in the data set it imitates.
 */
import { type GeneratedFile, writeOrCheck } from './files';
import { type Condition, TOPICS } from './knowledge/index';
import { Random } from './random';

const SEED = 82;
const STREAM = 22;
const PER_BOOK = 25;
const CHOICES = 4;

/** The configurations of the data set, as the hub spells them. */
const BOOKS = [
  'Anatomy_Gray',
  'Biochemistry_Lippincott',
  'Cell_Biology_Alberts',
  'Gynecology_Novak',
  'Histology_Ross',
  'Immunology_Janeway',
  'Neurology_Adams',
  'Obstentrics_Williams',
  'Pathology_Robbins',
  'Pediatrics_Nelson',
  'Pharmacology_Katzung',
  'Physiology_Levy',
  'Psichiatry_DSM-5',
] as const;

export interface TextbookRow {
  readonly book: string;
  readonly question: string;
  readonly choices: readonly string[];
  /** Index into `choices`. */
  readonly answer: number;
}

/** All rows, book by book. No question occurs twice. */
export function miniTextbooks(): readonly TextbookRow[] {
  const random = new Random(SEED, STREAM);
  const conditions = [...TOPICS.values()].flatMap(({ en }) => (en.kind === 'condition' ? [en] : []));
  const pool = random.shuffle(
    conditions.flatMap((condition) =>
      condition.names.flatMap((name) =>
        ASPECTS.map(({ ask, of }) => ({ condition, of, question: ask.replace('{n}', name) })),
      ),
    ),
  );
  return BOOKS.flatMap((book, index) =>
    pool.slice(index * PER_BOOK, (index + 1) * PER_BOOK).map(({ condition, of, question }) => {
      const right = random.pick(of(condition));
      const own = new Set(of(condition));
      const others = [...new Set(conditions.flatMap(of))].filter((phrase) => !own.has(phrase));
      const choices = random.shuffle([right, ...random.sample(others, CHOICES - 1)]);
      return { book, question, choices, answer: choices.indexOf(right) };
    }),
  );
}

/** RFC 4180; the choices are the columns `a` to `d`. */
export function toCsv(rows: readonly TextbookRow[]): string {
  const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;
  const lines = rows.map(({ book, question, choices, answer }) =>
    [book, question, ...choices, String(answer)].map(quoted).join(','),
  );
  return ['book,question,a,b,c,d,answer', ...lines, ''].join('\n');
}

export const textbookFiles = (): GeneratedFile[] => [{ path: 'textbooks/train.csv', content: toCsv(miniTextbooks()) }];

// --- internal ---

const ASPECTS: readonly { readonly ask: string; readonly of: (condition: Condition) => readonly string[] }[] = [
  { ask: 'Which of these is a sign of {n}?', of: ({ signs }) => signs },
  { ask: 'Which of these can cause {n}?', of: ({ causes }) => causes },
  { ask: 'Which of these helps to find {n}?', of: ({ tests }) => tests },
  { ask: 'Which of these is used against {n}?', of: ({ care }) => care },
];

if (import.meta.main) writeOrCheck(textbookFiles());
