/**
 * `medrepro verify`: every claim against the golden files; runs at the mini scale what is missing, and scores published
 * predictions that were given and not scored before.
 */
import { auditPaper } from '../../audit/both-readings';
import { readRawFile } from '../../data/text-file';
import { usageError } from '../../errors';
import { writeWhole } from '../../files';
import type { JobContext, JobResult } from '../../job';
import { resolveExperiment } from '../../paper/load';
import { loadTarget, loadTargets, type Target } from '../../paper/target';
import { execute } from '../../run/execute';
import type { Identity } from '../../run/identity';
import { type Opened, opener } from '../../run/open';
import { obstacle } from '../../run/requested';
import { keepScore, publishedMetrics, rescore } from '../../score/rescore';
import { scoreSignature } from '../../score/score';
import { sha256 } from '../../sha256';
import { type Comparison, compare, worstExit } from '../../verify/compare';
import { findResults, findScore } from '../../verify/find';
import { findGolden, type Golden } from '../../verify/golden';
import { renderJunit } from '../../verify/junit';
import type { ScoreRecord } from '../../verify/scored';
import { renderComparisons } from '../../verify/text';
import type { VerifyDocument, VerifyRequest } from './request';

export async function verifyJob(asked: VerifyRequest, context: JobContext): Promise<JobResult<VerifyDocument>> {
  const comparisons: Comparison[] = [];
  const seconds: number[] = [];
  const began = new Date();
  const targets = loadTargets(asked.targets, asked.all, asked.reading);
  const scored = asked.scored.map((files) => scoredExperiment(files, targets, asked));
  for (const target of targets) {
    const started = performance.now();
    comparisons.push(await verifyTarget(target, scored, asked, context));
    seconds.push((performance.now() - started) / 1e3);
  }
  if (asked.junit !== null) {
    writeWhole(asked.junit, renderJunit(comparisons, { began, seconds }), { elsewhere: 'check --junit' });
  }
  return {
    exitCode: worstExit(comparisons),
    text: renderComparisons(comparisons),
    document: { comparisons },
  };
}

/** The files of one experiment's published predictions. */
interface Scored {
  readonly paper: string;
  readonly experiment: string;
  readonly predictions: string;
  readonly references: string;
}

/** @throws MedreproError `usage` when predictions are of something that is not verified */
function scoredExperiment(files: VerifyRequest['scored'][number], targets: readonly Target[], request: VerifyRequest) {
  const { paper, experiments } = loadTarget(files.target, request.reading);
  const [experiment] = experiments as [string];
  if (!targets.some((target) => target.paper.id === paper.id && target.experiments.includes(experiment))) {
    throw usageError(`--predictions are of ${files.target}, which is not verified here`, 'name it as a target too');
  }
  return { paper: paper.id, experiment, predictions: files.predictions, references: files.references };
}

async function verifyTarget(
  target: Target,
  scored: readonly Scored[],
  request: VerifyRequest,
  context: JobContext,
): Promise<Comparison> {
  const { paper, experiments, whole } = target;
  const golden = findGolden(paper, request.golden);
  // the full scale is verified in addition to the miniature
  const scales = request.scale === 'full' ? (['mini', 'full'] as const) : (['mini'] as const);
  const open = opener(request);
  const runs: { readonly opened: Opened; readonly identity: Identity }[] = [];
  for (const id of experiments) {
    for (const scale of scales) {
      if (!paper.experiments.find((experiment) => experiment.id === id)?.scales[scale]) continue;
      const opened = open(resolveExperiment(paper, id, scale));
      if (obstacle(opened.experiment, request) !== null) continue;
      runs.push({ opened, identity: await opened.identity() });
    }
  }
  const { found, missing, unreadable } = findResults(
    request.out,
    runs.map(({ identity }) => identity),
  );
  for (const { file, reason } of unreadable) context.emit({ kind: 'warning', message: `${file}: ${reason}` });
  const results = [...found];
  if (request.run) {
    const options = { out: request.out, resume: true };
    for (const { opened, identity } of runs) {
      if (missing.includes(identity)) results.push((await execute(opened, options, context)).result);
    }
  }
  return compare(paper, golden, results, {
    scores: await scoresOf(target, golden, scored, request, context),
    experiments: whole ? null : experiments,
    require: request.require,
    absent: request.run ? [] : missing.map(({ experiment }) => experiment),
    ...(whole ? { findings: auditPaper(paper) } : {}),
  });
}

/** Scores of each experiment's published predictions: stored ones, or new ones of the files that were named. */
async function scoresOf(
  { paper, experiments }: Target,
  golden: Golden | null,
  scored: readonly Scored[],
  { out }: VerifyRequest,
  context: JobContext,
): Promise<ScoreRecord[]> {
  const records: ScoreRecord[] = [];
  for (const experiment of experiments) {
    const files = scored.find((one) => one.paper === paper.id && one.experiment === experiment);
    const metrics = publishedMetrics(paper, experiment);
    const hash = (path: string | undefined): string | null => {
      return path === undefined ? null : sha256(readRawFile(path).bytes);
    };
    const { record, unreadable } = findScore(out, {
      paper: paper.id,
      experiment,
      signatures: Object.fromEntries(metrics.map((id) => [id, scoreSignature(id)])),
      predictions: hash(files?.predictions),
      references: hash(files?.references),
    });
    for (const { file, reason } of unreadable) context.emit({ kind: 'warning', message: `${file}: ${reason}` });
    if (record !== null) records.push(record);
    if (record !== null || files === undefined) continue;
    context.emit({ kind: 'stage', name: 'score', detail: `${paper.id}/${experiment}` });
    const of = { paper, experiment, golden };
    records.push(keepScore(out, await rescore({ ...files, train: null, map: {} }, metrics, of), of));
  }
  return records;
}
