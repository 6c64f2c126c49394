/** The JSON Schema files as they must be in the repository. */

import { jsonLines, jsonSchemaOf } from '../paper/json-schema';
import { PaperFile } from '../paper/schema';
import { METRIC_IDS } from '../run/metrics';
import { GoldenFile } from './golden-schema';

export function schemaFiles(): { readonly name: string; readonly text: string }[] {
  const offers = { metric: METRIC_IDS };
  const paper = jsonSchemaOf(PaperFile, { title: 'medrepro paper', offers });
  const golden = jsonSchemaOf(GoldenFile, { title: 'medrepro golden file', offers });
  return [
    { name: 'papers/schema/paper.schema.json', text: `${jsonLines(paper)}\n` },
    { name: 'papers/schema/golden.schema.json', text: `${jsonLines(golden)}\n` },
  ];
}
