/** The device that was asked for, where it cannot be used: exit 4, and what is missing. */
import { EXIT } from '../errors';
import type { JobResult } from '../job';
import { cudaState, type DeviceRequest } from '../native/choose';

/** The document of any command that needs `--device cuda` where it is not usable. */
export interface UnusableDevice {
  readonly unmeasured: readonly { readonly target: string; readonly reason: string }[];
}

/** Null when the device can be used. */
export function checkDevice(device: DeviceRequest['device']): JobResult<UnusableDevice> | null {
  if (device !== 'cuda') return null;
  const { usable, reason } = cudaState();
  if (usable) return null;
  const text = `UNMEASURED: --device cuda: ${reason}`;
  return { exitCode: EXIT.unmeasured, text, document: { unmeasured: [{ target: '--device cuda', reason }] } };
}
