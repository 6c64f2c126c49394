/**
 * Collects the garbage of reading a large file.
 *
 * JavaScriptCore collects when the garbage is about as large as the live heap: beside a file of 1 GB, that is another 1 to 2 GB
 * of texts. While few objects are live, as here, a collection takes milliseconds.
 */

const BYTES_BETWEEN = 2 ** 25;

/** Collects garbage after every 32 MiB of it. */
export class Garbage {
  private bytes = 0;

  /** @param bytes that were allocated and are no longer used */
  made(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes < BYTES_BETWEEN) return;
    this.bytes = 0;
    Bun.gc(true);
  }
}
