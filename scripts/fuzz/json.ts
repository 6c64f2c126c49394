/** JSON, JSON Lines, an object of columns, and nested rows. */

import type { FuzzTarget } from './harness';
import { readAll } from './tables';

const TEXTS = [
  '[{"text":"a\\u00e9\\ud83d\\ude00","label":-1.5e3,"more":[1,{"x":null}]},{"text":"b","label":NaN}]',
  '{"text":"a","label":9007199254740993}\n\r\n{"label":true,"text":"b"}\r',
  '{"version":"1.1","data":[{"title":"t","paragraphs":[{"context":"c","qas":[]}]}]}',
  '{"text":["a","b"],"label":[1,2]}',
];

export const target: FuzzTarget = {
  name: 'json',
  seeds: () => TEXTS.map((text) => new TextEncoder().encode(text)),
  parse: (input) => readAll('rows.json', input),
};
