/** The JSON Schema files as they must stand in the repository. */

import { paperJsonSchema } from '../paper/schema';
import { goldenJsonSchema } from './golden';

export function schemaFiles(): { readonly name: string; readonly text: string }[] {
  const text = (schema: object): string => `${JSON.stringify(schema, null, 2)}\n`;
  return [
    { name: 'papers/schema/paper.schema.json', text: text(paperJsonSchema()) },
    { name: 'papers/schema/golden.schema.json', text: text(goldenJsonSchema()) },
  ];
}
