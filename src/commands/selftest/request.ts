/** What `selftest` is asked. */
import type { DeviceRequest } from '../../native/choose';

export interface SelftestRequest extends DeviceRequest {
  /** Only ops whose name contains this. */
  readonly only: string | null;
}
