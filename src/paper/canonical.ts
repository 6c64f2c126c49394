/**
 * The canonical form of a resolved experiment, and its hash: equal hashes mean equal settings.
 *
 * Titles, marks and reasons are left out, so that better words do not turn into different results.
 */

import { stringify } from 'yaml';
import { sha256 } from '../sha256';
import { withoutDefaults } from './defaults';
import type { Experiment } from './types';

/** JSON with keys sorted by code unit at every depth, no white space; numbers as JavaScript prints them. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value));
}

/** What of an experiment can change a result; settings that came later are left out while they have their default. */
export function settingsOf(experiment: Experiment): Readonly<Record<string, unknown>> {
  const { title: _title, unmeasured: _unmeasured, marks: _marks, ...settings } = experiment;
  return withoutDefaults(settings);
}

/** The identity of an experiment with all its settings: paper, scale, model, data, seed and the rest. */
export function specSha256(experiment: Experiment): string {
  return sha256(canonicalJson(settingsOf(experiment)));
}

/** The resolved experiment as YAML with sorted keys: the `spec.yaml` of a run directory. */
export function canonicalYaml(experiment: Experiment): string {
  const head = `# resolved spec of ${experiment.paper}/${experiment.id}, settings sha256 ${specSha256(experiment)}\n`;
  return head + stringify(sorted(experiment), { lineWidth: 0 });
}

// --- internal ---

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
