/** `medrepro run`: every experiment asked for, then the comparison with the golden file. */
import { EXIT } from '../../errors';
import type { JobContext, JobResult } from '../../job';
import { resolveExperiment } from '../../paper/load';
import { loadTargets, type Target } from '../../paper/target';
import { writeReport } from '../../report/write';
import { type Executed, execute } from '../../run/execute';
import { opener } from '../../run/open';
import { obstacle } from '../../run/requested';
import type { ExperimentResult } from '../../run/result';
import { chooseScale } from '../../run/scale';
import { type Comparison, compare, worstExit } from '../../verify/compare';
import { findResults } from '../../verify/find';
import { findGolden } from '../../verify/golden';
import { renderComparisons } from '../../verify/text';
import type { RunDocument, RunRequest, SkippedRun } from './request';

export async function runJob(asked: RunRequest, context: JobContext): Promise<JobResult<RunDocument>> {
  const outcomes: Outcome[] = [];
  for (const target of loadTargets(asked.targets, asked.all, asked.reading))
    outcomes.push(await runTarget(target, asked, context));
  const comparisons = outcomes.map(({ comparison }) => comparison);
  const executed = outcomes.flatMap((outcome) => outcome.executed);
  const skipped = outcomes.flatMap((outcome) => outcome.skipped);
  const lines = [
    ...executed.map(describe),
    ...skipped.map(({ target, reason }) => `${target}: UNMEASURED (${reason})`),
    ...outcomes.flatMap(({ note }) => (note === null ? [] : [note])),
  ];
  return {
    exitCode:
      executed.length === 0 && skipped.length > 0 && asked.scale === 'full' ? EXIT.unmeasured : worstExit(comparisons),
    text: [lines.join('\n'), renderComparisons(comparisons)].join('\n\n'),
    document: {
      runs: executed.map(({ result, directory, seconds, tables }) => ({
        directory: directory.path,
        seconds,
        ...result,
        perClass: tables,
      })),
      unmeasured: skipped,
      comparisons,
    },
  };
}

interface Outcome {
  readonly executed: readonly Executed[];
  readonly skipped: readonly SkippedRun[];
  readonly comparison: Comparison;
  readonly note: string | null;
}

async function runTarget(
  { paper, experiments, whole }: Target,
  request: RunRequest,
  context: JobContext,
): Promise<Outcome> {
  const golden = findGolden(paper, request.golden);
  const open = opener(request);
  const executed: Executed[] = [];
  const earlier: ExperimentResult[] = [];
  const skipped: SkippedRun[] = [];
  // a single run is always a new one; of several that were interrupted, the finished ones are reused
  const takeFinished = request.resume && experiments.length * request.seeds > 1;
  let note: string | null = null;
  for (const id of experiments) {
    const { scale, reason } = chooseScale(paper, id, request);
    if (reason !== null) note = reason;
    const experiment = resolveExperiment(paper, id, scale);
    const seeds = Array.from({ length: request.seeds }, (_, offset) => open(experiment, offset));
    const why = obstacle(experiment, request);
    if (why !== null) {
      skipped.push({ target: `${paper.id}/${id}`, reason: why });
      context.emit({ kind: 'info', message: `${paper.id}/${id}: UNMEASURED (${why})` });
      continue;
    }
    for (const opened of seeds) {
      const finished = takeFinished ? findResults(request.out, [await opened.identity()]).found[0] : undefined;
      if (finished === undefined) executed.push(await execute(opened, request, context));
      else {
        earlier.push(finished);
        context.emit({
          kind: 'info',
          message: `${paper.id}/${id}, seed ${finished.seed}: finished before, ${finished.file}`,
        });
      }
    }
  }
  const results = [...earlier, ...executed.map(({ result }) => result)];
  const comparison = compare(paper, golden, results, { experiments: whole ? null : experiments });
  for (const run of executed) writeReport(paper, run, comparison, golden);
  return { executed, skipped, comparison, note };
}

function describe({ result, directory, seconds }: Executed): string {
  const metrics = Object.entries(result.metrics).map(([id, { printed }]) => `${id} ${printed}`);
  const what = metrics.length > 0 ? metrics.join(', ') : 'no test rows, so no metric';
  const name = `${result.paper}/${result.experiment}`;
  return `${name} (${result.scale}, seed ${result.seed}): ${what}; ${seconds.toFixed(1)} s; ${directory.path}`;
}
