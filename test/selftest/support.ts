/** What the self-test's tests share. */
import { Device } from '../../src/native/device';

/** Small: a case needs a few megabytes. */
const CAPACITY = 2 ** 30;

/** Runs `body` on a device of its own. */
export function onDevice<Result>(options: Parameters<typeof Device.cpu>[0], body: (device: Device) => Result): Result {
  const device = Device.cpu({ capacity: CAPACITY, ...options });
  try {
    return body(device);
  } finally {
    device.destroy();
  }
}

/** Largest |a - b|, NaN if any is. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values against ${b.length}`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}
