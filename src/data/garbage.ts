/**
 * Garbage that reading a large file makes.
 *
 * JavaScriptCore collects when the garbage has about the size of what is alive. Beside a file of 1 GB that is another gigabyte
 * or two of texts that nobody needs any more. While few objects are alive, as here, a collection takes milliseconds.
 */

const BYTES_BETWEEN = 2 ** 25;

/** Collects garbage each time that 32 MiB of it were made. */
export class Garbage {
  private bytes = 0;

  /** @param bytes that were allocated and are not needed any more */
  made(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes < BYTES_BETWEEN) return;
    this.bytes = 0;
    Bun.gc(true);
  }
}
