/**
 * Writes the JSON Schemas of paper and golden files, which editors use. A test fails while they are not current.
 *
 *     bun scripts/schemas.ts
 */

import { writeFileSync } from 'node:fs';
import { schemaFiles } from '../src/verify/schema-files';

for (const { name, text } of schemaFiles()) {
  writeFileSync(new URL(`../${name}`, import.meta.url), text);
  console.log(`wrote ${name}`);
}
