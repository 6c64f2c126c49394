/**
 * Addresses inside one region, handed out first-fit from a sorted list of gaps. The same class plans and allocates: a
 * dry run over a region that does not exist gives the peak the real run will have, because both make the same requests
 * in the same order.
 */

/** Every tensor starts on a cache line. */
const ALIGNMENT = 64;

export const aligned = (bytes: number): number => Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);

export class Arena {
  /** Gaps as [offset, bytes], ascending, never adjacent. */
  private readonly gaps: [number, number][];
  private used = 0;
  private top = 0;

  /** `capacity` in bytes. */
  constructor(readonly capacity: number) {
    this.gaps = [[0, capacity]];
  }

  /** Bytes in use now. */
  get inUse(): number {
    return this.used;
  }

  /** End of the highest byte ever used: what the region must hold, fragmentation included. */
  get peak(): number {
    return this.top;
  }

  /** Resets the peak to what is in use. */
  resetPeak(): void {
    const last = this.gaps.at(-1);
    this.top = last !== undefined && last[0] + last[1] === this.capacity ? last[0] : this.capacity;
  }

  /** Offset of a fresh block, or -1 when no gap is large enough. */
  allocate(bytes: number): number {
    const size = aligned(bytes);
    for (let i = 0; i < this.gaps.length; i++) {
      const gap = this.gaps[i]!;
      if (gap[1] < size) continue;
      const offset = gap[0];
      if (gap[1] === size) this.gaps.splice(i, 1);
      else {
        gap[0] += size;
        gap[1] -= size;
      }
      this.used += size;
      this.top = Math.max(this.top, offset + size);
      return offset;
    }
    return -1;
  }

  /** Releases a block; `bytes` as requested. */
  free(offset: number, bytes: number): void {
    const size = aligned(bytes);
    this.used -= size;
    let i = 0;
    while (i < this.gaps.length && this.gaps[i]![0] < offset) i++;
    const before = this.gaps[i - 1];
    const after = this.gaps[i];
    const joinsBefore = before !== undefined && before[0] + before[1] === offset;
    const joinsAfter = after !== undefined && offset + size === after[0];
    if (joinsBefore && joinsAfter) {
      before[1] += size + after[1];
      this.gaps.splice(i, 1);
    } else if (joinsBefore) before[1] += size;
    else if (joinsAfter) {
      after[0] = offset;
      after[1] += size;
    } else this.gaps.splice(i, 0, [offset, size]);
  }
}
