/** `medrepro data`: exactly what a target trains and evaluates on. */
import { dataRows } from '../data/prepare';
import { EXIT, usageError } from '../errors';
import type { JobResult } from '../job';
import { applyRequest, obstacle, readData } from '../run/inputs';
import type { DataRequest } from '../run/request';
import { resolveExperiment } from '../spec/load';
import { loadTargets } from '../spec/target';
import { table } from '../table';
import { count } from '../units';
import { chooseScale } from './scale';

/** Characters of a text that the table shows. */
const SHOWN = 60;

export async function dataJob(request: unknown): Promise<JobResult> {
  const asked = request as DataRequest;
  const targets = loadTargets(asked.targets, asked.all, asked.reading);
  const [target] = targets;
  if (target === undefined || targets.length > 1 || target.experiments.length > 1) {
    throw usageError('data shows one experiment', `name one, such as ${target?.paper.id}/${target?.experiments[0]}`);
  }
  const [id] = target.experiments as [string];
  const { scale } = chooseScale(target.paper, id, asked);
  const requested = applyRequest(resolveExperiment(target.paper, id, scale), asked);
  const why = obstacle(requested.experiment, asked);
  if (why !== null) return { exitCode: EXIT.unmeasured, text: `${target.paper.id}/${id}: ${why}`, document: [] };
  const { data } = await readData(requested, asked);
  const rows = [...dataRows(data, asked.split, asked.limit)];
  const { tokens, truncated, rows: all } = data.summary.splits[asked.split];
  const shown = rows.map(({ index, labels, input_ids: ids }) => {
    const { text } = data.rows[data.splits[asked.split][index]!]!;
    return [String(index), String(ids.length), data.classes[labels] ?? '', text.replace(/\s+/g, ' ').slice(0, SHOWN)];
  });
  const head = `${target.paper.id}/${id} (${scale}), ${asked.split}: ${count(all)} rows, ${count(tokens)} tokens, ${count(truncated)} truncated`;
  return {
    exitCode: EXIT.ok,
    text: `${head}, sha256 ${data.hashes[asked.split].tokenIds}\n\n${table(['row', 'tokens', 'class', 'text'], shown)}`,
    document: rows,
  };
}
