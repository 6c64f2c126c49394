/** gzip around a data file. */

import { gzipSync } from 'node:zlib';
import type { FuzzTarget } from './harness';
import { readAll, tables } from './tables';

export const target: FuzzTarget = {
  name: 'gzip',
  seeds: () =>
    [...tables(/^(snappy\.parquet|lz4\.arrow)$/), new TextEncoder().encode('text,label\\na,x\\nb,y\\n')].map(
      (bytes) => new Uint8Array(gzipSync(bytes)),
    ),
  parse: (input) => readAll('rows.csv.gz', input),
};
