/** The memory of a device's tensors: one region for all, or an allocation for each. */
import { Arena } from './arena';
import type { Address } from './bindings';

export interface Memory {
  /** Bytes there are. */
  readonly capacity: number;
  /** Bytes in use now. */
  readonly inUse: number;
  /** Most bytes ever in use since the last `resetPeak`. */
  readonly peak: number;
  resetPeak(): void;
  /** A fresh block, or 0 when there is no room. */
  allocate(bytes: number): Address;
  /** Releases a block; `bytes` as requested. */
  free(address: Address, bytes: number): void;
}

/** One region that starts at `base`. */
export class Region implements Memory {
  private readonly arena: Arena;

  constructor(
    readonly base: Address,
    readonly capacity: number,
  ) {
    this.arena = new Arena(capacity);
  }
  get inUse(): number {
    return this.arena.inUse;
  }
  get peak(): number {
    return this.arena.peak;
  }
  resetPeak(): void {
    this.arena.resetPeak();
  }
  allocate(bytes: number): Address {
    const offset = this.arena.allocate(bytes);
    return offset < 0 ? 0 : this.base + offset;
  }
  free(address: Address, bytes: number): void {
    this.arena.free(address - this.base, bytes);
  }
}

/**
 * An allocation per block, exactly as long as requested: slow, and what a checker of memory (compute-sanitizer, the tests'
 * emulation) needs in order to see where a tensor ends.
 */
export class Allocations implements Memory {
  private readonly live = new Map<Address, number>();
  private used = 0;
  private top = 0;

  constructor(
    readonly capacity: number,
    /** 0 when there is no room. */
    private readonly take: (bytes: number) => Address,
    private readonly give: (address: Address, bytes: number) => void,
  ) {}
  get inUse(): number {
    return this.used;
  }
  get peak(): number {
    return this.top;
  }
  resetPeak(): void {
    this.top = this.used;
  }
  allocate(bytes: number): Address {
    // an empty tensor has an address too
    const size = Math.max(1, bytes);
    const address = this.used + size > this.capacity ? 0 : this.take(size);
    if (address === 0) return 0;
    this.live.set(address, size);
    this.used += size;
    this.top = Math.max(this.top, this.used);
    return address;
  }
  free(address: Address): void {
    const size = this.live.get(address);
    if (size === undefined) throw new Error('free of what was never allocated');
    this.live.delete(address);
    this.used -= size;
    this.give(address, size);
  }
  /** Everything that is still in use. */
  freeAll(): void {
    for (const address of [...this.live.keys()]) this.free(address);
  }
}
