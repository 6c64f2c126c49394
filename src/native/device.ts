/**
 * A device: a stream of work, one region of memory, and the ops. Everything above this file sees tensors and never an
 * address it could get wrong.
 *
 * A device can be *planned*: `Device.plan()` has no library behind it, its ops do nothing and its memory does not exist, so
 * that the code that trains can be run dry for its peak memory.
 */
import { ptr, toArrayBuffer } from 'bun:ffi';
import { inputError, interruptedError, type MedreproError, nativeError, unmeasuredError } from '../errors';
import {
  type Address,
  DeviceLibrary,
  HostLibrary,
  MR_BF16,
  MR_ERR_ARGUMENT,
  MR_ERR_MEMORY,
  MR_F32,
  OP_NAMES,
  Ops,
} from './bindings';
import { ISAS, type Isa } from './isa';
import { type Backend, cpuLibrary, locateLibrary } from './library';
import { Allocations, type Memory, Region } from './memory';
import { DTYPE_BYTES, type Dtype, elements, type FloatDtype, Tensor } from './tensor';

/** Ops that were queued once and can be run any number of times. */
export interface Recording {
  replay(): void;
  destroy(): void;
}

export interface CpuOptions {
  /** Threads, the calling one included; 0 takes every core the process may use. */
  readonly threads?: number;
  /** Forces a path; the best one CPUID reports otherwise. */
  readonly isa?: Isa;
  /** Bytes of address space to reserve; pages are only taken when touched. */
  readonly capacity?: number;
  /** Called between blocks; true makes the running work throw `interrupted`. */
  readonly cancelled?: () => boolean;
}

export interface CudaOptions {
  /** Which GPU, from 0. */
  readonly device?: number;
  /** Bytes of its memory to take. */
  readonly capacity: number;
  /** {@link Device.tokensPerPass} */
  readonly tokensPerPass?: number;
  /** Another library than the one of this build: the tests' emulation. */
  readonly library?: string;
  /** Every tensor in an allocation of its own, so that a checker of memory sees where each ends. */
  readonly separate?: boolean;
  readonly cancelled?: () => boolean;
}

/** Tokens in one pass on the CPU. A constant, because the grouping of micro-batches decides the order of sums. */
export const CPU_TOKENS_PER_PASS = 2048;
/** On a GPU, where it has the memory: large matrices are what keeps it busy. */
export const CUDA_TOKENS_PER_PASS = 8192;

/** What a GPU's stream takes besides tensors (WORKSPACE_LIMIT of kernels/cuda/device.h). */
export const CUDA_WORKSPACE_BYTES = 64 * 2 ** 20;

/** Address space reserved when no plan says how much: costs nothing until touched. */
const DEFAULT_CAPACITY = 2 ** 40;

/** How bytes pass between the host and a device's memory. */
interface Transfer {
  /** Into device memory. */
  write(values: Address, bytes: number, device: Address): void;
  /** A copy of device memory. */
  read(device: Address, bytes: number): ArrayBuffer;
}

export class Device {
  private scopes: Tensor[][] = [[]];
  private recording = false;
  private readonly elsewhere: { readonly address: Address; readonly bytes: number }[] = [];

  private constructor(
    readonly backend: Backend,
    readonly ops: Ops,
    /** `cpu:avx512`, `cuda:0`, or `plan`. */
    readonly name: string,
    /** The CPU path; `portable` where there is none. */
    readonly isa: Isa,
    readonly threads: number,
    /** Tokens that one pass through the model may hold; micro-batches share passes up to this. */
    readonly tokensPerPass: number,
    private readonly memory: Memory,
    private readonly transfer: Transfer,
    private readonly stop: (() => boolean) | null,
    /** The library and its stream; null of a plan. */
    private readonly native: { readonly library: DeviceLibrary; readonly stream: Address } | null,
    private readonly close: () => void,
  ) {}

  /**
   * The CPU back end.
   * @throws MedreproError when the path asked for does not run on this machine.
   */
  static cpu(options: CpuOptions = {}): Device {
    const library = DeviceLibrary.open(cpuLibrary().path);
    const host = hostLibrary();
    const isa = options.isa === undefined ? -1 : ISAS.indexOf(options.isa);
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
    const name = ISAS[host.streamIsa(stream)]!;
    const ops = new Ops(library.table, stream, failing(library));
    const stop = options.cancelled ?? null;
    const threads = host.streamThreads(stream);
    const memory = new Region(base, capacity);
    const tokens = CPU_TOKENS_PER_PASS;
    return new Device(
      'cpu',
      ops,
      `cpu:${name}`,
      name,
      threads,
      tokens,
      memory,
      hostTransfer(ops),
      stop,
      { library, stream },
      () => {
        library.deviceFree(stream, base, capacity);
        library.streamDestroy(stream);
      },
    );
  }

  /**
   * The CUDA back end.
   * @throws MedreproError `unmeasured` when this build has none, or there is no driver, a driver too old, or no GPU;
   *   `native` when the GPU has less memory than asked for.
   */
  static cuda(options: CudaOptions): Device {
    const path = options.library ?? locateLibrary('cuda')?.path;
    if (path === undefined) {
      const remedy = 'build it where nvcc is on the PATH, or run without --device cuda';
      throw unmeasuredError('this build of medrepro has no CUDA kernels', remedy);
    }
    const library = DeviceLibrary.open(path);
    const index = options.device ?? 0;
    const stream = library.streamCreate(index, 0, -1);
    if (stream === 0) throw unmeasuredError(library.lastError(), "see 'medrepro doctor'");
    const fail = failing(library);
    const checked = (code: number, what: string): void => {
      if (code !== 0) fail(code, what);
    };
    const allocate = (bytes: number): Address => {
      const address = library.deviceAlloc(stream, bytes);
      if (address === 0) throw outOfMemory(bytes, library.lastError());
      return address;
    };
    const free = (address: Address, bytes: number): void => {
      checked(library.deviceFree(stream, address, bytes), 'freeing memory');
    };
    const transfer: Transfer = {
      write: (values, bytes, device) =>
        checked(library.copyToDevice(stream, bytes, values, device), 'copying to the GPU'),
      read: (device, bytes) => {
        const copy = new Uint8Array(bytes);
        checked(library.copyToHost(stream, bytes, device, ptr(copy)), 'copying from the GPU');
        return copy.buffer;
      },
    };
    const ops = new Ops(library.table, stream, fail);
    const stop = options.cancelled ?? null;
    let memory: Region | Allocations;
    try {
      memory = options.separate
        ? new Allocations(options.capacity, allocate, free)
        : new Region(allocate(options.capacity), options.capacity);
    } catch (error) {
      library.streamDestroy(stream);
      throw error;
    }
    const tokens = options.tokensPerPass ?? CUDA_TOKENS_PER_PASS;
    return new Device(
      'cuda',
      ops,
      `cuda:${index}`,
      'portable',
      1,
      tokens,
      memory,
      transfer,
      stop,
      { library, stream },
      () => {
        if (memory instanceof Region) free(memory.base, memory.capacity);
        else memory.freeAll();
        library.streamDestroy(stream);
      },
    );
  }

  /** A device that only counts the memory of a back end: ops do nothing, reading gives zeros. */
  static plan(backend: Backend = 'cpu', tokensPerPass?: number): Device {
    const nothing = Object.fromEntries(OP_NAMES.map((name) => [camel(name.slice(3)), () => {}]));
    const none: Transfer = { write: () => {}, read: (_, bytes) => new ArrayBuffer(bytes) };
    const memory = new Region(NOWHERE, 2 ** 50);
    const ops = nothing as unknown as Ops;
    const tokens = tokensPerPass ?? (backend === 'cpu' ? CPU_TOKENS_PER_PASS : CUDA_TOKENS_PER_PASS);
    return new Device(backend, ops, 'plan', 'portable', 1, tokens, memory, none, null, null, () => {});
  }

  /** Whether every tensor is an allocation of its own. */
  get separate(): boolean {
    return this.memory instanceof Allocations;
  }

  get planned(): boolean {
    return this.name === 'plan';
  }

  /** The kernels that run, as results and golden files name them. */
  get path(): Isa | 'cuda' {
    return this.backend === 'cuda' ? 'cuda' : this.isa;
  }

  /** The name of the hardware. */
  get hardware(): string {
    return this.native === null ? 'nothing' : this.native.library.deviceName(this.native.stream);
  }

  /** Frees everything; the device must not be used afterwards. */
  destroy(): void {
    for (const { address, bytes } of this.elsewhere) {
      if (this.backend === 'cpu') hostLibrary().unmapFile(address, bytes);
      else this.native?.library.hostFree(this.native.stream, address, bytes);
    }
    this.close();
  }

  /** Zeros in the host's memory that a GPU reads and writes; freed with the device. */
  private hostMemory(bytes: number): Address {
    const { library, stream } = this.native!;
    const address = library.hostAlloc(stream, bytes);
    if (address === 0) throw outOfMemory(bytes, library.lastError());
    this.elsewhere.push({ address, bytes });
    return address;
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
      const flops = hostLibrary().multiplyAdd(this.native!.stream, compute === 'bf16' ? MR_BF16 : MR_F32, 500_000);
      best = Math.max(best, flops / ((performance.now() - start) / 1e3));
    }
    return best;
  }

  // ---- memory -------------------------------------------------------------------------------------------------

  /** Highest bytes in use since the last `resetPeak`. */
  get peakBytes(): number {
    return this.memory.peak;
  }
  get bytesInUse(): number {
    return this.memory.inUse;
  }
  resetPeak(): void {
    this.memory.resetPeak();
  }

  /** An uninitialised tensor that lives until the innermost scope ends, unless something retains it. */
  empty(shape: readonly number[], dtype: Dtype): Tensor {
    const bytes = elements(shape) * DTYPE_BYTES[dtype];
    const address = this.memory.allocate(bytes);
    if (address === 0) throw outOfMemory(bytes, `${this.memory.inUse} of ${this.memory.capacity} bytes are in use`);
    const tensor = new Tensor(this.memory, address, shape, dtype);
    this.scopes.at(-1)!.push(tensor);
    return tensor;
  }

  /**
   * Zeros outside the device's memory, which live until it is destroyed: with a GPU in the host's memory, with the
   * CPU in a file without a name in `folder`, which the system may write out when memory is short.
   * @throws MedreproError `input` when the disk has no room, `native` when the host has no memory.
   */
  zerosElsewhere(folder: string, shape: readonly number[], dtype: Dtype): Tensor {
    const bytes = elements(shape) * DTYPE_BYTES[dtype];
    if (this.planned || bytes === 0) return new Tensor(null, NOWHERE, shape, dtype);
    if (this.backend === 'cuda') return new Tensor(null, this.hostMemory(bytes), shape, dtype);
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
    this.elsewhere.push({ address, bytes });
    return new Tensor(null, address, shape, dtype);
  }

  zeros(shape: readonly number[], dtype: FloatDtype | 'u8'): Tensor {
    if (dtype === 'u8') return this.fromArray(new Uint8Array(elements(shape)), shape, dtype);
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

  /** Runs `body`; every tensor made inside lives until `release` is called. */
  hold<Result>(body: () => Result): { readonly result: Result; readonly release: () => void } {
    const mine: Tensor[] = [];
    this.scopes.push(mine);
    const release = (): void => {
      for (const tensor of mine.splice(0)) tensor.release();
    };
    try {
      return { result: body(), release };
    } catch (error) {
      release();
      throw error;
    } finally {
      this.scopes.pop();
    }
  }

  /** Whether {@link record} does anything: on a GPU, where starting an op takes longer than a small one runs. */
  get records(): boolean {
    return this.backend === 'cuda' && !this.separate;
  }

  /**
   * Queues what `body` runs without running it, to be run any number of times. Nothing may be read from the device or written to
   * it inside, and the tensors it uses must live as long as the recording.
   */
  record(body: () => void): Recording {
    if (this.native === null) {
      body();
      return { replay: () => {}, destroy: () => {} };
    }
    const { library, stream } = this.native;
    const checked = (code: number, what: string): void => {
      if (code !== 0) failing(library)(code, what);
    };
    checked(library.recordBegin(stream), 'recording');
    this.recording = true;
    let recorded: Address = 0;
    let whole = false;
    try {
      body();
      whole = true;
    } finally {
      this.recording = false;
      recorded = library.recordEnd(stream);
      if (!whole && recorded !== 0) library.recordingFree(stream, recorded);
    }
    if (recorded === 0) throw nativeError(`recording failed: ${library.lastError()}`);
    return {
      replay: () => checked(library.replay(stream, recorded), 'replaying'),
      destroy: () => checked(library.recordingFree(stream, recorded), 'freeing a recording'),
    };
  }

  private refuseWhileRecording(): void {
    if (this.recording) throw new Error('the host reads or writes device memory inside a recording');
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
    this.refuseWhileRecording();
    if (values.byteLength > 0) this.transfer.write(ptr(values), values.byteLength, tensor.address);
  }

  /**
   * A tensor of bytes in host memory, such as a mapped file. On the CPU it is those bytes, so frozen weights take no
   * memory of their own: they must outlive the device's use of them and are never written. A GPU, and the CPU where no number
   * may lie at that address, has a copy that lives until the innermost scope ends.
   */
  adopt(address: Address, shape: readonly number[], dtype: Dtype): Tensor {
    if (this.backend === 'cpu' && address % DTYPE_BYTES[dtype] === 0) return this.view(address, shape, dtype);
    const tensor = this.empty(shape, dtype);
    if (tensor.bytes > 0) this.transfer.write(address, tensor.bytes, tensor.address);
    return tensor;
  }

  /** A tensor over bytes of this device that something else owns. */
  view(address: Address, shape: readonly number[], dtype: Dtype): Tensor {
    return new Tensor(null, address, shape, dtype);
  }

  /** Waits for all queued work, for timing. */
  synchronise(): void {
    if (this.native === null) return;
    const { library, stream } = this.native;
    const code = library.streamSynchronize(stream);
    if (code !== 0) failing(library)(code, 'waiting for the device');
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
    this.refuseWhileRecording();
    // bun:ffi makes no buffer of no bytes
    if (this.planned || tensor.bytes === 0) return new ArrayBuffer(tensor.bytes);
    return this.transfer.read(tensor.address, tensor.bytes);
  }
}

/** An address for what has no bytes. */
const NOWHERE = 4096;

/** Host memory is the device's memory. */
function hostTransfer(ops: Ops): Transfer {
  return {
    write: (values, bytes, device) => ops.copy(bytes, values, device),
    read: (device, bytes) => toArrayBuffer(device as never, 0, bytes).slice(0) as ArrayBuffer,
  };
}

/** What a failing op throws. */
function failing(library: DeviceLibrary): (code: number, op: string) => never {
  return (code, op) => {
    const reason = library.lastError();
    if (code === MR_ERR_MEMORY) throw outOfMemory(0, reason);
    if (code === MR_ERR_ARGUMENT) throw new RangeError(`${op}: ${reason}`);
    throw nativeError(`${op} failed: ${reason}`);
  };
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
