import type { Adapter } from '../../paper/types';
import { experimentOf, rule } from '../rule';

/**
 * A method that prunes ends with fewer singular values than it starts with, so equal numbers of trainable parameters at
 * the start are not equal capacities (AdaLoRA, Zhang et al. 2023, section 3.3: the budget).
 */
export const finalRank = rule({
  id: 'final-rank',
  title: 'methods of the same capacity end with the same mean rank',
  kind: 'final-rank',
  check: ({ experiments }, context) => {
    const ranks = experiments.map((id) => ({ id, ...rankOf(experimentOf(context, id).adapter) }));
    const consistent = ranks.every(({ end }) => end === ranks[0]!.end);
    const ends = ranks.map(({ id, end }) => `${end} (${id})`).join(', ');
    return [
      {
        consistent,
        message: `mean rank after the last step: ${ends} ${consistent ? 'are the same' : 'are not the same'}`,
        arithmetic: ranks.map(({ id, start, end }) => `${id}: rank ${start} at the start, ${end} at the end`),
        raw: null,
        rounded: null,
        printed: null,
      },
    ];
  },
});

// --- internal ---

function rankOf(adapter: Adapter | null): { start: number; end: number } {
  if (adapter === null) return { start: 0, end: 0 };
  if (adapter.kind === 'lora') return { start: adapter.rank, end: adapter.rank };
  const { initialRank, targetRank, budget } = adapter;
  return { start: initialRank, end: budget === 'scheduled' ? targetRank : initialRank };
}
