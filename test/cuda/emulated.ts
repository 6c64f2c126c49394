/** The CUDA kernels on the CPU: kernels/cuda/emulation runs them and checks every access to memory. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CUDA_TOKENS } from '../../src/commands/selftest/job';
import { Device } from '../../src/native/device';

/** Built by `bun scripts/build.ts --tests`, on x86-64 with gcc. */
export const EMULATED_LIBRARY = join(import.meta.dir, '../../build/kernels/test/libmedrepro_cuda_emulated.so');

/** Why the tests of this folder cannot run here, or null. */
export const notEmulated: string | null = existsSync(EMULATED_LIBRARY)
  ? null
  : 'the emulated CUDA kernels are not built (x86-64 with gcc alone): bun scripts/build.ts --tests';

/** A device whose kernels are emulated; every tensor is an allocation of its own. */
export function emulatedDevice(capacity = 2 ** 30): Device {
  return Device.cuda({ capacity, library: EMULATED_LIBRARY, separate: true, tokensPerPass: CUDA_TOKENS });
}
