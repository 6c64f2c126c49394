/** The form in which the fixtures keep long index lists: count, first 16 values, sha256 over little-endian int64. */
export function digest(values: ArrayLike<number>): { count: number; head: number[]; sha256: string } {
  const wide = BigInt64Array.from(Array.from(values, BigInt));
  const sha256 = new Bun.CryptoHasher('sha256').update(wide).digest('hex');
  return { count: values.length, head: Array.from(values).slice(0, 16), sha256 };
}
