/** Which scale a request means on this machine, with the reason. */
import type { Paper } from '../paper/load';
import type { Scale } from '../paper/types';
import { fullScaleNeeds } from '../plan/plan';
import type { TargetRequest } from './request';
import { obstacle } from './requested';

/** `auto` is the full scale where weights and rows are here, else the miniature; the reason says what the full scale needs. */
export function chooseScale(paper: Paper, id: string, request: TargetRequest): { scale: Scale; reason: string | null } {
  if (request.scale !== 'auto') return { scale: request.scale, reason: null };
  const { mini, full } = paper.experiments.find((experiment) => experiment.id === id)?.scales ?? {};
  if (!full) return { scale: 'mini', reason: null };
  const ready = request.model !== null && obstacle(full, request) === null;
  if (ready || !mini) return { scale: 'full', reason: null };
  const needs = fullScaleNeeds(paper, ...paper.experiments.flatMap(({ scales }) => scales.full ?? []));
  return { scale: 'mini', reason: `mini scale: the full scale ${needs}; see medrepro plan ${paper.id} --scale full` };
}
