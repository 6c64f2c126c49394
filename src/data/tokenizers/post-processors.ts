/**
 * Post-processors of tokenizer.json (the Rust library's src/processors): which special tokens stand around a single text.
 * Their fields about pairs and offsets have no effect here.
 */

import { isObject, type Part, refused } from './part';

/** Ids before and after a text's own. */
export interface Around {
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
}

const NOTHING: Around = { prefix: [], suffix: [] };

/** @throws MedreproError `input` on a type that is not known, or one that the library could not apply either */
export function aroundOf(part: Part): Around {
  switch (part.type) {
    case 'ByteLevel':
      return NOTHING;
    case 'TemplateProcessing':
      return template(part);
    case 'BertProcessing':
    case 'RobertaProcessing':
      return { prefix: [idOf(part, 'cls')], suffix: [idOf(part, 'sep')] };
    case 'Sequence':
      return sequence(part);
    default:
      throw part.unknown();
  }
}

// --- internal ---

function template(part: Part): Around {
  const special = part.get('special_tokens');
  if (!isObject(special)) throw part.wrong('special_tokens');
  const prefix: number[] = [];
  const suffix: number[] = [];
  let texts = 0;
  for (const piece of part.list('single')) {
    if (!isObject(piece)) throw part.wrong('single');
    if (isObject(piece.Sequence) && piece.Sequence.id === 'A') texts++;
    else if (isObject(piece.SpecialToken)) {
      const token = special[String(piece.SpecialToken.id)];
      if (!isObject(token) || !Array.isArray(token.ids) || !token.ids.every(isId)) throw part.wrong('special_tokens');
      (texts === 0 ? prefix : suffix).push(...(token.ids as number[]));
    } else throw part.wrong('single');
  }
  if (texts !== 1) throw refused(`${part.name} does not have the text once`);
  return { prefix, suffix };
}

function idOf(part: Part, field: string): number {
  const pair = part.get(field);
  if (!Array.isArray(pair) || !isId(pair[1])) throw part.wrong(field);
  return pair[1];
}

function sequence(part: Part): Around {
  const adding = part
    .parts('processors')
    .map(aroundOf)
    .filter(({ prefix, suffix }) => prefix.length + suffix.length > 0);
  // the second one would be given more than two texts
  if (adding.length > 1) throw refused(`${part.name} adds special tokens twice`);
  return adding[0] ?? NOTHING;
}

const isId = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 24;
