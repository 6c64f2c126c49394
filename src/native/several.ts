/**
 * Many fp32 tensors in few ops: a model has hundreds of adapters, and on a GPU starting an op for each takes longer than the ops.
 */
import type { Device } from './device';
import type { Tensor } from './tensor';

/** A contiguous range of memory of one or several rows of adjacent tensors, for ops on single elements. */
export interface Stretch {
  /** Elements. */
  readonly size: number;
  /** Of each tensor of a row, where the range begins. */
  readonly addresses: readonly number[];
}

/**
 * Merges adjacent tensors into contiguous ranges: two rows (of tensors of one size each) are merged where each tensor of the one ends
 * where the other's begins.
 */
export function stretches(rows: readonly (readonly Tensor[])[]): Stretch[] {
  const joined: { size: number; addresses: readonly number[] }[] = [];
  for (const row of rows.toSorted((a, b) => a[0]!.address - b[0]!.address)) {
    const { size } = row[0]!;
    const last = joined.at(-1);
    const follows = last !== undefined && row.every(({ address }, i) => address === last.addresses[i]! + 4 * last.size);
    if (follows) last.size += size;
    else joined.push({ size, addresses: row.map(({ address }) => address) });
  }
  return joined;
}

/** Address and size of each tensor, as the op `sumSquaresEach` reads them; lives until the innermost scope ends. */
export function spansOf(device: Device, tensors: readonly Tensor[]): Tensor {
  const spans = BigInt64Array.from(tensors.flatMap(({ address, size }) => [BigInt(address), BigInt(size)]));
  return device.fromArray(new Uint8Array(spans.buffer), [spans.byteLength], 'u8');
}
