/** Counts of the labels of causal-LM rows before step 1, and the errors and warnings that follow from them. */

import { inputError } from '../errors';
import type { RunWarning } from '../events';
import type { LabelMask } from '../paper/types';

/** A row as far as its labels are counted. */
export interface LabelledRow {
  readonly ids: ArrayLike<number>;
  /** One label per token, -100 for none; null for a classifier. */
  readonly labels: ArrayLike<number> | null;
  /** Tokens that are not padding; absent when there is none. */
  readonly attended?: number;
}

export interface LabelSummary {
  readonly rows: number;
  readonly positions: number;
  /** Share of positions whose label is -100. */
  readonly ignored: number;
  /** Share of the labels that are padding. */
  readonly padding: number;
  /** Rows without a training signal: no label after their first token. */
  readonly empty: number;
  /** End-of-text tokens before the padding, and how many of them are labels. */
  readonly eos: number;
  readonly eosLabelled: number;
}

const IGNORE = -100;

/** Counts rows; null when they are a classifier's. `eosId` null: the tokeniser names no end of text. */
export function summariseLabels(rows: readonly LabelledRow[], eosId: number | null): LabelSummary | null {
  if (rows.some(({ labels }) => labels === null)) return null;
  let [positions, labelled, padded, empty, eos, eosLabelled] = [0, 0, 0, 0, 0, 0];
  for (const { ids, labels, attended = ids.length } of rows) {
    let taught = 0;
    for (let t = 0; t < ids.length; t++) {
      const counts = labels![t] !== IGNORE;
      positions++;
      if (counts) labelled++;
      // nothing predicts the first token
      if (counts && t > 0) taught++;
      if (counts && t >= attended) padded++;
      if (ids[t] !== eosId || t >= attended) continue;
      eos++;
      if (counts) eosLabelled++;
    }
    if (taught === 0) empty++;
  }
  return {
    rows: rows.length,
    positions,
    ignored: positions === 0 ? 0 : (positions - labelled) / positions,
    padding: labelled === 0 ? 0 : padded / labelled,
    empty,
    eos,
    eosLabelled,
  };
}

/**
 * Warnings about the labels, before step 1.
 * @throws MedreproError `input` when no row has a label: training would be a loss of 0 and no gradient.
 */
export function judgeLabels(summary: LabelSummary, mask: LabelMask): RunWarning[] {
  const { rows, empty, padding, eos, eosLabelled } = summary;
  const searched = mask.prompt === 'response-template';
  if (rows > 0 && empty === rows) {
    throw inputError(
      searched
        ? `the response template ${JSON.stringify(mask.responseTemplate)} occurs in none of the ${rows} training rows: every label is -100`
        : `every label of the ${rows} training rows is -100: there is nothing to learn from`,
      {
        remedy: searched
          ? 'a token may join the template with what stands around it: compare data.labels.responseTemplate with what medrepro data shows'
          : 'check data.template, data.response, data.maxLength and data.labels; medrepro data shows the rows',
      },
    );
  }
  const warnings: RunWarning[] = [];
  if (empty > 0) {
    const why = searched ? 'the response template is not in them' : 'their response was cut off or masked';
    warnings.push({ id: 'rows-without-labels', message: `${empty} of ${rows} training rows have no label: ${why}` });
  }
  if (padding > 0) {
    const share = `${(100 * padding).toFixed(1)}%`;
    warnings.push({
      id: 'padding-in-the-loss',
      message: `${share} of the labels are padding, so the loss says less about the text than it seems`,
    });
  }
  if (eosLabelled === 0) {
    const message = 'no end-of-text token is a label: the model does not learn to stop';
    if (eos === 0) warnings.push({ id: 'eos-absent', message: `${message} (no training row has one)` });
    else if (mask.eos === 'as-pad') {
      warnings.push({
        id: 'eos-masked-as-padding',
        message: `${message} (it is masked because it is the padding token)`,
      });
    } else warnings.push({ id: 'eos-masked', message: `${message} (all ${eos} are masked)` });
  }
  return warnings;
}
