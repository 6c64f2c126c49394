/** NumPy's `.npy` (format 1.0) of float32, written row by row, for `numpy.load`. */
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { notWritable } from './files';

export class NpyWriter {
  private readonly temporary: string;
  private file: number | null;

  /**
   * @param path of the file, which exists once it is finished
   * @param shape of the whole array
   * @throws MedreproError `input` where it cannot be written
   */
  constructor(
    private readonly path: string,
    shape: readonly number[],
  ) {
    this.temporary = `${path}.${process.pid}.tmp`;
    this.file = this.trying(() => openSync(this.temporary, 'w'));
    const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
    // magic, version and length take 10 bytes; the data begins at a multiple of 64
    const padded = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11);
    const start = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${padded}\n`, 'latin1');
    start.writeUInt16LE(padded.length + 1, 8);
    this.bytes(start);
  }

  /** Appends values. */
  write(values: Float32Array): void {
    this.bytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  /** Renames the finished file to its path. */
  finish(): void {
    this.trying(() => {
      closeSync(this.file!);
      this.file = null;
      renameSync(this.temporary, this.path);
    });
  }

  /** Removes a file that was not finished. */
  close(): void {
    if (this.file === null) return;
    closeSync(this.file);
    this.file = null;
    rmSync(this.temporary, { force: true });
  }

  // --- internal ---

  private bytes(data: Uint8Array): void {
    this.trying(() => {
      for (let done = 0; done < data.length; ) done += writeSync(this.file!, data, done);
    });
  }

  private trying<Result>(action: () => Result): Result {
    try {
      return action();
    } catch (error) {
      throw notWritable(this.path, error);
    }
  }
}
