/**
 * A device: a stream of work, one region of memory, and the ops. Everything above this file sees tensors and never an
 * address it could get wrong.
 *
 * A device can be *planned*: `Device.plan()` has no library behind it, its ops do nothing and its memory does not exist, so
 * that the very code that trains can be run dry to learn its peak memory.
 */
import { ptr, toArrayBuffer } from 'bun:ffi';
import { inputError, interruptedError, type MedreproError, nativeError, unmeasuredError } from '../errors';
import { Arena } from './arena';
import {
  type Address,
  DeviceLibrary,
  HostLibrary,
  MR_BF16,
  MR_ERR_ARGUMENT,
  MR_ERR_MEMORY,
  MR_F32,
  MR_ISA_AVX2,
  MR_ISA_AVX512,
  MR_ISA_AVX512BF16,
  MR_ISA_PORTABLE,
  OP_NAMES,
  Ops,
} from './bindings';
import { cpuLibrary } from './library';
import { DTYPE_BYTES, type Dtype, elements, type FloatDtype, Tensor } from './tensor';

export type Isa = 'portable' | 'avx2' | 'avx512' | 'avx512bf16';

export const ISA_CODE: Readonly<Record<Isa, number>> = {
  portable: MR_ISA_PORTABLE,
  avx2: MR_ISA_AVX2,
  avx512: MR_ISA_AVX512,
  avx512bf16: MR_ISA_AVX512BF16,
};
export const ISA_NAMES: readonly Isa[] = ['portable', 'avx2', 'avx512', 'avx512bf16'];

export interface CpuOptions {
  /** Threads, the calling one included; 0 takes every core the process may use. */
  readonly threads?: number;
  /** Forces a path; the best one CPUID reports otherwise. */
  readonly isa?: Isa;
  /** Bytes of address space to reserve; pages are only taken when touched. */
  readonly capacity?: number;
  /** Asked between blocks; true makes the running work throw `interrupted`. */
  readonly cancelled?: () => boolean;
}

/** Address space reserved when no plan says how much: costs nothing until touched. */
const DEFAULT_CAPACITY = 2 ** 40;

export class Device {
  private readonly arena: Arena;
  private scopes: Tensor[][] = [[]];
  private readonly mapped: { readonly address: Address; readonly bytes: number }[] = [];

  private constructor(
    readonly ops: Ops,
    /** `cpu:avx512`, or `plan`. */
    readonly name: string,
    readonly isa: Isa,
    readonly threads: number,
    private readonly base: Address,
    capacity: number,
    private readonly stop: (() => boolean) | null,
    private readonly stream: Address,
    private readonly close: () => void,
  ) {
    this.arena = new Arena(capacity);
  }

  /**
   * The CPU back end.
   * @throws MedreproError when the path asked for does not run on this machine.
   */
  static cpu(options: CpuOptions = {}): Device {
    const library = DeviceLibrary.open(cpuLibrary().path);
    const host = hostLibrary();
    const isa = options.isa === undefined ? -1 : ISA_CODE[options.isa];
    const stream = library.streamCreate(0, options.threads ?? 0, isa);
    if (stream === 0) {
      throw unmeasuredError(`cannot start the CPU back end: ${library.lastError()}`, "see 'medrepro doctor'");
    }
    const capacity = options.capacity ?? DEFAULT_CAPACITY;
    const base = library.deviceAlloc(stream, capacity);
    if (base === 0) {
      const reason = library.lastError();
      library.streamDestroy(stream);
      throw outOfMemory(capacity, reason);
    }
    const fail = (code: number, op: string): never => {
      const reason = library.lastError();
      if (code === MR_ERR_MEMORY) throw outOfMemory(0, reason);
      if (code === MR_ERR_ARGUMENT) throw new RangeError(`${op}: ${reason}`);
      throw nativeError(`${op} failed: ${reason}`);
    };
    const name = ISA_NAMES[host.streamIsa(stream)]!;
    const ops = new Ops(library.table, stream, fail);
    const stop = options.cancelled ?? null;
    return new Device(ops, `cpu:${name}`, name, host.streamThreads(stream), base, capacity, stop, stream, () => {
      library.deviceFree(stream, base, capacity);
      library.streamDestroy(stream);
    });
  }

  /** A device that only counts memory: ops do nothing, reading gives zeros. */
  static plan(): Device {
    const nothing = Object.fromEntries(OP_NAMES.map((name) => [camel(name.slice(3)), () => {}]));
    return new Device(nothing as unknown as Ops, 'plan', 'portable', 1, 4096, 2 ** 50, null, 0, () => {});
  }

  get planned(): boolean {
    return this.name === 'plan';
  }

  /** Frees everything; the device must not be used afterwards. */
  destroy(): void {
    for (const { address, bytes } of this.mapped) hostLibrary().unmapFile(address, bytes);
    this.close();
  }

  /** @throws MedreproError `interrupted` when the user asked to stop. Called between blocks, so at most one block's time late. */
  checkCancelled(): void {
    if (this.stop?.()) throw interruptedError();
  }

  /**
   * Multiply-adds per second with every operand in a register, in FLOP/s: the best of a few short rounds. 0 where the path
   * has no such measurement. fp16 operands are multiplied in fp32: their peak is that of fp32.
   */
  measurePeak(compute: 'fp32' | 'bf16' | 'fp16'): number {
    let best = 0;
    for (let round = 0; round < 5; round++) {
      const start = performance.now();
      const flops = hostLibrary().multiplyAdd(this.stream, compute === 'bf16' ? MR_BF16 : MR_F32, 500_000);
      best = Math.max(best, flops / ((performance.now() - start) / 1e3));
    }
    return best;
  }

  // ---- memory -------------------------------------------------------------------------------------------------

  /** Highest bytes in use since the last `resetPeak`. */
  get peakBytes(): number {
    return this.arena.peak;
  }
  get bytesInUse(): number {
    return this.arena.inUse;
  }
  resetPeak(): void {
    this.arena.resetPeak();
  }

  /** An uninitialised tensor that lives until the innermost scope ends, unless something retains it. */
  empty(shape: readonly number[], dtype: Dtype): Tensor {
    const bytes = elements(shape) * DTYPE_BYTES[dtype];
    const offset = this.arena.allocate(bytes);
    if (offset < 0) throw outOfMemory(bytes, `${this.arena.inUse} of ${this.arena.capacity} bytes are in use`);
    const tensor = new Tensor(this.arena, offset, this.base + offset, shape, dtype);
    this.scopes.at(-1)!.push(tensor);
    return tensor;
  }

  /**
   * fp32 zeros in a file without a name in `folder`: memory that the system may write out when it is short. They live until
   * the device is destroyed and count as no memory of it.
   * @throws MedreproError `input` when the disk has no room.
   */
  zerosOnDisk(folder: string, shape: readonly number[]): Tensor {
    const bytes = elements(shape) * DTYPE_BYTES.f32;
    if (this.planned || bytes === 0) return new Tensor(null, 0, this.base, shape, 'f32');
    const host = hostLibrary();
    const address = host.mapScratch(ptr(Buffer.from(`${folder}\0`)), bytes);
    if (address === 0) {
      throw inputError(
        `the optimiser's state does not fit on the disk: ${DeviceLibrary.open(cpuLibrary().path).lastError()}`,
        {
          remedy: 'free space there, or choose another folder with --out',
        },
      );
    }
    this.mapped.push({ address, bytes });
    return new Tensor(null, 0, address, shape, 'f32');
  }

  zeros(shape: readonly number[], dtype: FloatDtype): Tensor {
    const tensor = this.empty(shape, dtype);
    this.ops.fill(tensor.code, tensor.size, 0, tensor.address);
    return tensor;
  }

  /** Releases every tensor made inside `body` but the one it returns, and those that something retained. */
  scope<Result>(body: () => Result): Result {
    const mine: Tensor[] = [];
    this.scopes.push(mine);
    let result: Result;
    try {
      result = body();
    } catch (error) {
      this.scopes.pop();
      for (const tensor of mine) tensor.release();
      throw error;
    }
    this.scopes.pop();
    for (const tensor of mine) {
      if (tensor === result) this.scopes.at(-1)!.push(tensor);
      else tensor.release();
    }
    return result;
  }

  // ---- host and device ------------------------------------------------------------------------------------------

  /** A tensor holding `values`. */
  fromArray(
    values: Float32Array | Int32Array | Uint8Array | Uint16Array,
    shape: readonly number[],
    dtype: Dtype,
  ): Tensor {
    const tensor = this.empty(shape, dtype);
    if (values.byteLength !== tensor.bytes) {
      throw new RangeError(`${values.byteLength} bytes do not fill [${shape.join(', ')}] of ${dtype}`);
    }
    this.write(tensor, values);
    return tensor;
  }

  write(tensor: Tensor, values: Float32Array | Int32Array | Uint8Array | Uint16Array): void {
    if (values.byteLength > tensor.bytes) throw new RangeError('more values than the tensor holds');
    if (values.byteLength > 0) this.ops.copy(values.byteLength, ptr(values), tensor.address);
  }

  /**
   * A tensor over bytes that already lie in host memory, such as a mapped file: on the CPU it is used where it is, so frozen
   * weights take no memory of their own. The bytes must outlive the device's use of them and are never written.
   */
  adopt(address: Address, shape: readonly number[], dtype: Dtype): Tensor {
    return new Tensor(null, 0, address, shape, dtype);
  }

  /** A copy of an fp32 tensor's values. */
  readF32(tensor: Tensor): Float32Array {
    return new Float32Array(this.read(tensor));
  }
  readI32(tensor: Tensor): Int32Array {
    return new Int32Array(this.read(tensor));
  }
  readF64(tensor: Tensor): Float64Array {
    return new Float64Array(this.read(tensor));
  }
  /** A copy of the raw bytes. */
  readBytes(tensor: Tensor): Uint8Array {
    return new Uint8Array(this.read(tensor));
  }

  private read(tensor: Tensor): ArrayBuffer {
    // bun:ffi makes no buffer of no bytes
    if (this.planned || tensor.bytes === 0) return new ArrayBuffer(tensor.bytes);
    return toArrayBuffer(tensor.address as never, 0, tensor.bytes).slice(0) as ArrayBuffer;
  }
}

let host: HostLibrary | undefined;

/** CPU features, file mapping and the deterministic double-precision functions. */
export function hostLibrary(): HostLibrary {
  host ??= HostLibrary.open(cpuLibrary().path);
  return host;
}

function outOfMemory(bytes: number, reason: string): MedreproError {
  return nativeError(`out of memory${bytes > 0 ? ` asking for ${bytes} bytes` : ''}: ${reason}`, {
    remedy: 'use a smaller batchSize or maxLength, gradientCheckpointing: true, or a machine with more memory',
  });
}

const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
