import { describe, expect, it } from 'bun:test';
import { isTarget, patternValue } from '../../src/paper/targets';

const names = [0, 3, 12].flatMap((layer) =>
  ['q_proj', 'v_proj'].map((part) => `model.layers.${layer}.self_attn.${part}`),
);
const chosen = (targets: string) => names.filter((name) => isTarget({ targets }, name)).length;

// python: [len([n for n in names if re.fullmatch(t, n)]) for t in ...]
describe('an expression for the whole name means what Python says', () => {
  it.each([
    [String.raw`model\.layers\.\d{,2}\.self_attn\.[qv]_proj`, 6],
    [String.raw`model\.layers\.\d{,1}\..*`, 4],
    ['.*[^]v]_proj', 3],
    ['.*[]q]_proj', 3],
    [String.raw`(?i).*\.Q_PROJ`, 3],
    [String.raw`\Amodel.*q_proj\Z`, 3],
    [String.raw`(?x) .* \. q_proj  # queries`, 3],
    [String.raw`(?P<all>.*)\.(?:q|v)_proj`, 6],
    [String.raw`.*\.(?!q).*_proj`, 6],
    [String.raw`(?>.*self_attn\.)q_proj`, 3],
    [String.raw`.*\.layers\.\x33\..*`, 2],
    [String.raw`.*\.layers\.\63\..*`, null],
    [String.raw`(?:.+\.)+q_proj`, 3],
  ])('%s', (targets, count) => {
    if (count === null) expect(() => chosen(targets)).toThrow('references to groups are not supported');
    else expect(chosen(targets)).toBe(count);
  });

  it('one that backtracks for ever ends', () => {
    const name = `model.layers.0.${'a'.repeat(4000)}`;
    expect(isTarget({ targets: '(.+.+)+x' }, name)).toBe(false);
    expect(patternValue({ '(a+)+x': 4 }, name)).toBeUndefined();
    expect(isTarget({ targets: ['q_proj'], modulesToSave: ['(a+)+x'] }, name)).toBe(false);
  });
});
