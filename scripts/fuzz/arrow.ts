/** Arrow IPC and Feather: streams and files, compressed, with dictionaries, views and every type. */

import type { FuzzTarget } from './harness';
import { readAll, tables } from './tables';

export const target: FuzzTarget = {
  name: 'arrow',
  seeds: () => tables(/\.(arrow|feather)$/),
  parse: (input) => readAll('rows.arrow', input),
};
