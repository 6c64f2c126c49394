/** The files of test/fixtures/tables as seeds, and reading a file as a command does: every row of every column. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRecords } from '../../src/data/records';
import { ROOT } from '../stages';

const TABLES = join(ROOT, 'test', 'fixtures', 'tables');

export function tables(names: RegExp): Uint8Array[] {
  return readdirSync(TABLES)
    .filter((name) => names.test(name) && !name.startsWith('refused'))
    .sort()
    .map((name) => new Uint8Array(readFileSync(join(TABLES, name))));
}

export async function readAll(name: string, bytes: Uint8Array): Promise<void> {
  const { parsed } = await parseRecords({ name, bytes });
  for (const { values } of parsed.records) if (values.length !== parsed.columns.length) throw new Error('a ragged row');
}
