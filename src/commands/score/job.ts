/** `medrepro score`: metrics of a predictions file, compared with what a paper printed for one experiment. */

import { EXIT, usageError } from '../../errors';
import type { JobResult } from '../../job';
import { loadTarget } from '../../paper/target';
import { keepScore, type PublishedExperiment, publishedMetrics, rescore } from '../../score/rescore';
import { DEFAULT_METRICS } from '../../score/score';
import { renderScore } from '../../score/text';
import { findGolden } from '../../verify/golden';
import type { ScoreDocument, ScoreRequest } from './request';

export async function scoreJob(asked: ScoreRequest): Promise<JobResult<ScoreDocument>> {
  const target = asked.target === null ? null : publishedExperiment(asked.target, asked);
  const named = target === null ? DEFAULT_METRICS : publishedMetrics(target.paper, target.experiment);
  const scored = await rescore(asked, asked.metrics ?? named, target);
  const { perRow: _, ...result } = scored.result;
  const { files } = scored;
  const name = target === null ? null : `${target.paper.id}/${target.experiment}`;
  const notes: string[] = [];
  if (target !== null && result.metrics.every(({ published }) => published.length === 0)) {
    notes.push(`no printed value of ${name} is known, so nothing was compared`);
  }
  if (target?.golden?.tampered) notes.push(`${target.golden.file}: ${target.golden.tampered}`);
  if (target !== null && asked.out !== null) notes.push(`kept in ${keepScore(asked.out, scored, target).file}`);
  const differs = result.metrics.some(({ outcome }) => outcome === 'differs');
  const exitCode = differs || target?.golden?.tampered ? EXIT.differs : EXIT.ok;
  const about = { target: name, files, disclaimers: target?.paper.disclaimers ?? [], notes };
  return {
    exitCode,
    text: renderScore(scored.result, about),
    document: { ...about, level: target === null ? null : 'score', ...result, exitCode },
  };
}

// --- internal ---

/** @throws MedreproError `usage` when the target is not one experiment */
function publishedExperiment(name: string, { golden, reading }: ScoreRequest): PublishedExperiment {
  const { paper, experiments } = loadTarget(name, reading);
  const [experiment] = experiments as [string];
  if (experiments.length !== 1) {
    throw usageError(
      'score compares predictions with one experiment',
      `name one: ${experiments.map((id) => `${paper.id}/${id}`).join(', ')}`,
    );
  }
  return { paper, experiment, golden: findGolden(paper, golden) };
}
