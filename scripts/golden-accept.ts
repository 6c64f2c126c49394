/**
 * Accepts finished mini runs, what the audit finds now, and edits made by hand into a paper's golden file.
 *
 *     bun scripts/golden-accept.ts --reason 'why the values are right' [--paper abjadmed] [run directory ...]
 *
 * A run directory is the one that holds `metrics.json`. Without any, only the edits made by hand are accepted.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { auditPaper } from '../src/audit/both-readings';
import { loadEmbedded } from '../src/paper/target';
import { acceptGolden } from '../src/verify/accept';
import { readRunResult } from '../src/verify/find';

const { values, positionals } = parseArgs({
  options: { reason: { type: 'string' }, paper: { type: 'string', default: 'abjadmed' } },
  allowPositionals: true,
});

const file = `golden/${values.paper}.yaml`;
const paper = loadEmbedded(values.paper);
const path = new URL(`../${file}`, import.meta.url).pathname;
const { text, changes } = acceptGolden(readFileSync(path, 'utf8'), file, paper, positionals.map(readRunResult), {
  reason: values.reason ?? '',
  date: new Date().toISOString().slice(0, 10),
  findings: auditPaper(paper),
});
writeFileSync(path, text);
for (const line of [...changes, `${file}: accepted`]) console.log(line);
