/** The JSON Schema files in the repository are what the schemas say; `bun scripts/schemas.ts` writes them. */

import { expect, test } from 'bun:test';
import { readAssetText } from '../../src/assets';
import { schemaFiles } from '../../src/verify/schema-files';

test.each(schemaFiles().map(({ name, text }) => [name, text] as const))('%s is current', (name, text) => {
  expect(readAssetText(name) === text).toBe(true);
});

test.each(['papers/abjadmed.yaml', 'golden/abjadmed.yaml'])('%s names its schema', (name) => {
  const [, schema] = /^# yaml-language-server: \$schema=(\S+)/.exec(readAssetText(name)) ?? [];
  const resolved = new URL(schema ?? '', `file:///${name}`).pathname.slice(1);
  expect(schemaFiles().map((file) => file.name)).toContain(resolved);
});
