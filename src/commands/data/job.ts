/** `medrepro data`: exactly what a target trains and evaluates on. */
import { dataRows, type PreparedData } from '../../data/prepare';
import type { Tokenizer } from '../../data/tokenizer';
import { EXIT, MedreproError, usageError } from '../../errors';
import type { RunWarning } from '../../events';
import type { JobContext, JobResult } from '../../job';
import { canonicalJson } from '../../paper/canonical';
import { resolveExperiment } from '../../paper/load';
import { loadTargets, type Target } from '../../paper/target';
import type { Experiment, Scale } from '../../paper/types';
import { dataWarnings } from '../../run/inputs';
import { type Opened, opener, readRows } from '../../run/open';
import { dataObstacle } from '../../run/requested';
import { chooseScale } from '../../run/scale';
import { table } from '../../text-table';
import { count } from '../../units';
import type { DataDocument, DataRequest } from './request';

/** Characters of a text that the table shows. */
const SHOWN = 60;

export async function dataJob(asked: DataRequest, { emit }: JobContext): Promise<JobResult<DataDocument>> {
  const targets = loadTargets(asked.targets, asked.all, asked.reading);
  const [target] = targets;
  if (target === undefined || targets.length > 1) throw oneOnly(target);
  const choices = target.experiments.map((id) => choose(target, id, asked));
  const [{ id, scale, opened }, ...others] = choices as [Choice, ...Choice[]];
  if (others.some((other) => other.identity !== choices[0]!.identity)) throw oneOnly(target);
  const { experiment } = opened;
  const why = dataObstacle(experiment, asked);
  if (why !== null) return { exitCode: EXIT.unmeasured, text: `${target.paper.id}/${id}: ${why}`, document: [] };
  const { data, tokenizer } = await opened.rows();
  for (const warning of warnings(asked, experiment, data, tokenizer)) emit({ kind: 'warning', ...warning });
  const rows = [...dataRows(data, asked.split)];
  const { tokens, truncated } = data.summary.splits[asked.split];
  const all = data.sizes[asked.split];
  const causal = experiment.task === 'causal-lm';
  const shown = rows.map(({ index, labels, input_ids: ids }) => {
    const { text } = data.rows[data.splits[asked.split][index]!]!;
    const learnt = typeof labels === 'number' ? (data.classes[labels] ?? '') : count(labels.filter(isLabel).length);
    return [String(index), String(ids.length), learnt, text.replace(/\s+/g, ' ').slice(0, SHOWN)];
  });
  const name = others.length === 0 ? `${target.paper.id}/${id}` : target.paper.id;
  const shownOf = rows.length === all ? count(all) : `${count(rows.length)} of ${count(all)}`;
  const counts = `${shownOf} rows, ${count(tokens)} tokens, ${count(truncated)} truncated`;
  const head = `${name} (${scale}), ${asked.split}: ${counts}, sha256 ${data.hashes[asked.split].tokenIds}`;
  return {
    exitCode: EXIT.ok,
    text: `${head}\n\n${table(['row', 'tokens', causal ? 'labelled' : 'class', 'text'], shown)}`,
    document: rows,
  };
}

// --- internal ---

interface Choice {
  readonly id: string;
  readonly scale: Scale;
  readonly opened: Opened;
  /** Equal for experiments that see the same rows as the same tokens. */
  readonly identity: string;
}

/** The full scale where its rows and tokeniser are here: showing them needs no weights. */
function choose({ paper }: Target, id: string, asked: DataRequest): Choice {
  const full = paper.experiments.find((experiment) => experiment.id === id)?.scales.full;
  const here = asked.scale === 'auto' && asked.data !== null && full && dataObstacle(full, asked) === null;
  const scale = here ? 'full' : chooseScale(paper, id, asked).scale;
  const { split, limit } = asked;
  const first = limit === null ? undefined : { split, rows: limit };
  const opened = opener(asked, (requested, request) => readRows(requested, request, first))(
    resolveExperiment(paper, id, scale),
  );
  const { data, model, task } = opened.experiment;
  return { id, scale, opened, identity: canonicalJson({ data, task, tokenizer: asked.tokenizer ?? model }) };
}

/** The warnings that a run gives of its rows; those that depend on all tokens are left out where only some rows are tokenised. */
function warnings(
  { limit }: DataRequest,
  experiment: Experiment,
  data: PreparedData,
  tokenizer: Tokenizer,
): readonly RunWarning[] {
  if (limit !== null) {
    const notes = [
      ...data.summary.notes,
      'with --limit only the rows shown are tokenised: a run may say more of all rows',
    ];
    return notes.map((message) => ({ id: 'data', message }));
  }
  try {
    return dataWarnings(experiment, data, tokenizer);
  } catch (error) {
    // the rows are shown to find what would stop a run
    if (!(error instanceof MedreproError)) throw error;
    return [{ id: 'data', message: `${error.message}: a run stops here` }];
  }
}

function oneOnly(target: Target | undefined) {
  return usageError('data shows one experiment', `name one, such as ${target?.paper.id}/${target?.experiments[0]}`);
}

const isLabel = (label: number): boolean => label !== -100;
