/** Tensors taken together where they are neighbours. */
import { expect, test } from 'bun:test';
import { stretches } from '../../src/native/several';
import { Tensor } from '../../src/native/tensor';

const at = (address: number, size: number): Tensor => new Tensor(null, address, [size], 'f32');

test('rows join where every tensor of the one is followed by the same tensor of the other, in any order', () => {
  expect(stretches([])).toEqual([]);
  expect(stretches([[at(1064, 4)], [at(1000, 16)], [at(1080, 3)], [at(2000, 1)]])).toEqual([
    { size: 23, addresses: [1000] },
    { size: 1, addresses: [2000] },
  ]);
  // neighbours in one tensor alone stay apart
  expect(
    stretches([
      [at(1000, 16), at(5000, 16)],
      [at(1064, 16), at(5064, 16)],
      [at(1128, 16), at(6000, 16)],
    ]),
  ).toEqual([
    { size: 32, addresses: [1000, 5000] },
    { size: 16, addresses: [1128, 6000] },
  ]);
});
