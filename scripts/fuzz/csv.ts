/** CSV with quotes, separators and line ends of every kind. */

import type { FuzzTarget } from './harness';
import { readAll } from './tables';

const TEXTS = [
  'text,label\nwound 5" long,a\n"quoted, ""twice""\n and broken",b\n',
  '\ufeffid;text;label\r\n1;x;a\r2;y\r\n\n3;z;b',
  'text\tlabel\nقلب\tNA\n\t\n',
];

export const target: FuzzTarget = {
  name: 'csv',
  seeds: () => TEXTS.map((text) => new TextEncoder().encode(text)),
  parse: (input) => readAll('rows.csv', input),
};
