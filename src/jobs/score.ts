/** `medrepro score`: metrics of a predictions file, compared with what a paper printed for one experiment. */

import { EXIT, usageError } from '../errors';
import type { JobResult } from '../job';
import type { ScoreRequest } from '../run/request';
import { readPairs, readTraining } from '../score/pairs';
import { DEFAULT_METRICS, differs, scorePairs } from '../score/score';
import { renderScore } from '../score/text';
import { type Paper, resolveExperiment } from '../spec/load';
import { loadTarget } from '../spec/target';
import { findGolden, type Golden } from '../verify/golden';

export async function scoreJob(request: unknown): Promise<JobResult> {
  const asked = request as ScoreRequest;
  const target = asked.target === null ? null : publishedExperiment(asked.target, asked);
  const metrics = asked.metrics ?? target?.metrics ?? DEFAULT_METRICS;
  const pairs = await readPairs(asked.predictions, asked.references, asked.map);
  const training = asked.train === null ? null : await readTraining(asked.train, asked.map);
  const experiment = target?.experiment ?? null;
  const result = scorePairs(pairs, { metrics, golden: target?.golden ?? null, experiment, training });
  const files = [...pairs.files, ...(training === null ? [] : [training.file])];
  const notes: string[] = [];
  if (target !== null && result.metrics.every(({ published }) => published.length === 0)) {
    notes.push(`no printed value of ${target.name} is known, so nothing was compared`);
  }
  if (target?.golden?.tampered) notes.push(`${target.golden.file}: ${target.golden.tampered}`);
  const exitCode = result.metrics.some(differs) || target?.golden?.tampered ? EXIT.differs : EXIT.ok;
  const about = { target: target?.name ?? null, files, disclaimers: target?.paper.disclaimers ?? [], notes };
  return {
    exitCode,
    text: renderScore(result, about),
    document: { ...about, level: target === null ? null : 'score', ...result, exitCode },
  };
}

// --- internal ---

interface PublishedExperiment {
  readonly name: string;
  readonly paper: Paper;
  readonly experiment: string;
  readonly metrics: readonly string[];
  readonly golden: Golden | null;
}

function publishedExperiment(name: string, { golden, reading }: ScoreRequest): PublishedExperiment {
  const { paper, experiments } = loadTarget(name, reading);
  const [experiment] = experiments as [string];
  if (experiments.length !== 1) {
    throw usageError(
      'score compares predictions with one experiment',
      `name one: ${experiments.map((id) => `${paper.id}/${id}`).join(', ')}`,
    );
  }
  const { scales } = paper.experiments.find(({ id }) => id === experiment)!;
  const { metrics } = resolveExperiment(paper, experiment, scales.full === undefined ? 'mini' : 'full');
  return { name: `${paper.id}/${experiment}`, paper, experiment, metrics, golden: findGolden(paper, golden) };
}
