/** Parquet: every codec, encoding, page version and type of the fixtures. */

import type { FuzzTarget } from './harness';
import { readAll, tables } from './tables';

export const target: FuzzTarget = {
  name: 'parquet',
  seeds: () => tables(/\.parquet$/),
  parse: (input) => readAll('rows.parquet', input),
};
