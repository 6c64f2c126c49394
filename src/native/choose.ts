/** Which device a request means on this machine, and why not the other. */
import { MedreproError } from '../errors';
import { type Address, DeviceLibrary, MR_FAMILY_CHANGED, MR_FAMILY_ON, MR_FAMILY_UNPROVEN } from './bindings';
import { CUDA_WORKSPACE_BYTES, Device } from './device';
import type { Isa } from './isa';
import { type Backend, locateLibrary } from './library';

export interface DeviceRequest {
  readonly device: 'auto' | Backend;
  /** CPU threads; null = all cores the process may use. */
  readonly threads: number | null;
  /** A forced CPU path; null = the best one this CPU runs. */
  readonly isa: Isa | null;
}

/** Whether the CUDA back end runs here. */
export interface CudaState {
  readonly usable: boolean;
  /** What is there, or which of these is missing: kernels in this build, a driver, a newer driver, a GPU, a newer GPU. */
  readonly reason: string;
  /** Free bytes of the GPU's memory; 0 when it is not usable. */
  readonly freeBytes: number;
  /** As the library's own table lists them; none without the library. */
  readonly families: readonly KernelFamily[];
}

/** Kernels that are chosen, or shown to be right on a card, apart from the others. */
export interface KernelFamily {
  readonly name: string;
  /** Whether the GPU takes them; where none is usable, whether one that has their instructions would. */
  readonly on: boolean;
  /** `unproven`: no card has run them; `changed`: new or changed since the last run on one. Both were tested in the emulation. */
  readonly proof: 'ran' | 'changed' | 'unproven';
  /** What in the environment turns them on, such as VARIABLE=value; null where nothing does. */
  readonly setting: string | null;
}

let known: CudaState | undefined;

/** Asks the driver once. */
export function cudaState(): CudaState {
  known ??= askDriver();
  return known;
}

/**
 * The back end of a request. `auto` is the GPU where one is usable, but for miniatures: their golden values are exact on
 * every CPU, and a GPU has little to do with them.
 */
export function backendOf({ device, isa }: DeviceRequest, scale: 'mini' | 'full' = 'full'): Backend {
  if (device !== 'auto') return device;
  return scale === 'full' && isa === null && cudaState().usable ? 'cuda' : 'cpu';
}

/**
 * Of a GPU's free memory what a run may take, workspace included. The driver needs some of what it calls free: kernels are loaded
 * when they first run, and registers that their threads spill are stored there too.
 */
export const usableBytes = (freeBytes: number): number =>
  Math.max(0, freeBytes - Math.max(KEPT.share * freeBytes, KEPT.bytes));
const KEPT = { share: 0.03, bytes: 2 ** 29 };

/**
 * Opens the device of a request.
 * @param capacity bytes for tensors; by default what it has (address space on the CPU, most of its free memory on a GPU)
 * @throws MedreproError as {@link Device.cpu} and {@link Device.cuda}
 */
export function openDevice(
  request: DeviceRequest,
  backend: Backend,
  { capacity, tokensPerPass, cancelled }: { capacity?: number; tokensPerPass?: number; cancelled?: () => boolean } = {},
): Device {
  const stop = cancelled === undefined ? {} : { cancelled };
  if (backend === 'cuda') {
    const state = cudaState();
    const bytes = capacity ?? Math.floor(usableBytes(state.freeBytes)) - CUDA_WORKSPACE_BYTES;
    return Device.cuda({ capacity: bytes, ...(tokensPerPass === undefined ? {} : { tokensPerPass }), ...stop });
  }
  return Device.cpu({
    threads: request.threads ?? 0,
    ...(request.isa === null ? {} : { isa: request.isa }),
    ...(capacity === undefined ? {} : { capacity }),
    ...stop,
  });
}

/** The families of a library's kernels; `stream` 0: as they are before there is a device. */
export function familiesOf(library: DeviceLibrary, stream: Address): KernelFamily[] {
  const families: KernelFamily[] = [];
  for (let index = 0; ; index++) {
    const name = library.familyName(index);
    if (name === '') return families;
    const state = library.familyState(stream, index);
    const has = (bit: number): boolean => (state & bit) !== 0;
    families.push({
      name,
      on: has(MR_FAMILY_ON),
      proof: has(MR_FAMILY_UNPROVEN) ? 'unproven' : has(MR_FAMILY_CHANGED) ? 'changed' : 'ran',
      setting: library.familySetting(index) || null,
    });
  }
}

// --- internal ---

function askDriver(): CudaState {
  const missing = (reason: string, families: readonly KernelFamily[] = []): CudaState => ({
    usable: false,
    reason,
    freeBytes: 0,
    families,
  });
  try {
    const found = locateLibrary('cuda');
    if (found === null) return missing('this build of medrepro has no CUDA kernels (it was made without nvcc)');
    const library = DeviceLibrary.open(found.path);
    const stream = library.streamCreate(0, 0, -1);
    if (stream === 0) return missing(library.lastError(), familiesOf(library, stream));
    const freeBytes = library.deviceFreeMemory(stream);
    const name = library.deviceName(stream);
    const families = familiesOf(library, stream);
    library.streamDestroy(stream);
    return { usable: true, reason: `${name}, ${(freeBytes / 1e9).toFixed(1)} GB free`, freeBytes, families };
  } catch (error) {
    return missing(error instanceof MedreproError ? error.message : String(error));
  }
}
