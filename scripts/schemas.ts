/**
 * Writes what is made from the schemas: the JSON Schemas of paper and golden files, which editors use, and docs/spec.md. A test
 * fails while they are not current.
 *
 *     bun scripts/schemas.ts
 */

import { writeFileSync } from 'node:fs';
import { schemaFiles } from '../src/verify/schema-files';
import { specPage } from './spec-page';

for (const { name, text } of [...schemaFiles(), { name: 'docs/spec.md', text: specPage() }]) {
  writeFileSync(new URL(`../${name}`, import.meta.url), text);
  console.log(`wrote ${name}`);
}
