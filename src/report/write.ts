/** Writes `report.html` into the directory of a finished run. */
import { readText } from '../files';
import { type Paper, resolveExperiment } from '../paper/load';
import type { Executed } from '../run/execute';
import type { Comparison } from '../verify/compare';
import type { Golden } from '../verify/golden';
import { renderReport } from './html';

export function writeReport(paper: Paper, run: Executed, comparison: Comparison, golden: Golden | null): void {
  const { result, directory, log } = run;
  const experiment = resolveExperiment(paper, result.experiment, result.scale);
  const assumed = Object.entries(experiment.marks).flatMap(([path, { mark, reason }]) =>
    mark === 'assumed' ? [{ path, reason }] : [],
  );
  const manifest = JSON.parse(readText(directory.file('manifest.json'))) as Record<string, unknown>;
  directory.write(
    'report.html',
    renderReport({
      paper,
      title: experiment.title,
      result,
      log,
      comparison,
      published: golden?.published[result.experiment] ?? null,
      assumed,
      manifest,
    }),
  );
}
