/**
 * Finds a native library and makes it loadable; `device.ts` opens what this returns.
 *
 * - In a checkout the library is `build/native/libmedrepro_<backend>.so`, loaded from there.
 * - In the compiled binary it is embedded. It is copied to an anonymous file in memory (memfd) and loaded as
 *   `/proc/self/fd/N`: nothing is written to disk, so read-only and noexec file systems do not matter.
 * - Where memfd is not allowed, it goes to a private cache folder under the name of its sha256, and is verified on every
 *   start.
 *
 * The sha256 is the kernel hash of a run's manifest.
 */

import { dlopen, ptr } from 'bun:ffi';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkoutRoot, embeddedPath } from '../assets';
import { nativeError } from '../errors';
import { sha256 } from '../sha256';

export type Backend = 'cpu' | 'cuda';

/** How a library was made loadable. */
export type How = 'file' | 'memfd' | 'cache';

export interface Library {
  backend: Backend;
  /** What to hand to dlopen; valid for the life of this process. */
  path: string;
  how: How;
  /** Of the library's bytes, lower-case hex. */
  sha256: string;
  /** Size in bytes. */
  bytes: number;
}

/**
 * The library of a back end, or null when this build has none (CUDA is absent, not broken, without nvcc).
 *
 * `MEDREPRO_LIBRARY=memfd|cache` forces one way of loading an embedded library.
 *
 * @throws MedreproError `native` when the library exists and cannot be loaded from anywhere.
 */
export function locateLibrary(backend: Backend): Library | null {
  const known = located.get(backend);
  if (known !== undefined) return known;
  const library = locate(backend, process.env.MEDREPRO_LIBRARY);
  located.set(backend, library);
  return library;
}

/**
 * The CPU library, which every build has.
 *
 * @throws MedreproError `native` when it was not built or cannot be loaded.
 */
export function cpuLibrary(): Library {
  const library = locateLibrary('cpu');
  if (library) return library;
  throw nativeError('libmedrepro_cpu.so is missing', { remedy: "build it with 'npx --yes bun@1.4.5 run build'" });
}

/** The library of a back end that is known to be here. @throws MedreproError `native` when it is not. */
export function libraryOf(backend: Backend): Library {
  const library = backend === 'cpu' ? cpuLibrary() : locateLibrary(backend);
  if (library === null) throw nativeError('libmedrepro_cuda.so is missing');
  return library;
}

/**
 * A loadable path for the bytes of a library, through a file in memory.
 * The descriptor stays open: dlopen of the same path from another thread finds the same library.
 *
 * @throws Error when the kernel refuses memfd_create or the mapping.
 */
export function loadThroughMemory(base: string, data: Uint8Array): string {
  const path = `/proc/self/fd/${memfd(base, data)}`;
  probe(path);
  return path;
}

/**
 * A loadable path for the bytes of a library, through a verified file in one of `folders` (the first that works).
 * A file of the right name and wrong content is replaced.
 *
 * @throws MedreproError `native` naming every folder and why it failed.
 */
export function loadThroughCache(base: string, data: Uint8Array, folders: readonly string[] = cacheFolders()): string {
  const digest = sha256(data);
  const reasons: string[] = [];
  for (const folder of folders) {
    try {
      makePrivate(folder);
      return storeAndProbe(folder, `${digest}-${base}`, digest, data);
    } catch (error) {
      reasons.push(`${folder}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw nativeError(`no folder can hold ${base} (${reasons.join('; ')})`, {
    remedy: 'set XDG_CACHE_HOME to a folder that is writable and not mounted noexec',
  });
}

/** Where cached files go, first choice first. */
export function cacheFolders(): string[] {
  const mine = `medrepro-${process.getuid?.() ?? 0}`;
  const xdg = process.env.XDG_CACHE_HOME;
  return [
    ...(xdg ? [join(xdg, 'medrepro')] : []),
    join(homedir(), '.cache', 'medrepro'),
    join(tmpdir(), mine),
    join('/dev/shm', mine),
    join('/var/tmp', mine),
  ];
}

// --- internal ---

const MFD_CLOEXEC = 1;
/** Stops execve, not mmap(PROT_EXEC): dlopen works, also where the system demands the seal (vm.memfd_noexec = 2). */
const MFD_NOEXEC_SEAL = 8;
const RTLD_LAZY = 1;

const located = new Map<Backend, Library | null>();

function locate(backend: Backend, want: string | undefined): Library | null {
  const base = `libmedrepro_${backend}.so`;
  const inside = embeddedPath(base);
  if (inside === null) {
    const path = join(checkoutRoot(), 'build', 'native', base);
    if (!existsSync(path)) return null;
    const data = readFileSync(path);
    return { backend, path, how: 'file', sha256: sha256(data), bytes: data.length };
  }
  const data = readFileSync(inside);
  const common = { backend, sha256: sha256(data), bytes: data.length };
  if (want !== 'cache') {
    try {
      return { ...common, path: loadThroughMemory(base, data), how: 'memfd' };
    } catch (cause) {
      if (want === 'memfd') throw nativeError(`cannot load ${base} through a file in memory`, { cause });
    }
  }
  return { ...common, path: loadThroughCache(base, data), how: 'cache' };
}

function openLibc() {
  return dlopen('libc.so.6', {
    memfd_create: { args: ['ptr', 'u32'], returns: 'i32' },
    dlopen: { args: ['ptr', 'i32'], returns: 'ptr' },
    dlerror: { args: [], returns: 'cstring' },
  }).symbols;
}
let libcSymbols: ReturnType<typeof openLibc> | undefined;
function libc() {
  libcSymbols ??= openLibc();
  return libcSymbols;
}

function memfd(name: string, data: Uint8Array): number {
  const text = Buffer.from(`${name}\0`);
  let fd = libc().memfd_create(ptr(text), MFD_CLOEXEC | MFD_NOEXEC_SEAL);
  if (fd < 0) fd = libc().memfd_create(ptr(text), MFD_CLOEXEC); // Linux before 6.3 does not know the seal
  if (fd < 0) throw new Error('memfd_create is not allowed here');
  writeAll(fd, data);
  return fd;
}

/** Loads the library and leaves it loaded: a noexec mount is found out here, where there is still another place to try. */
function probe(path: string): void {
  const text = Buffer.from(`${path}\0`);
  if (!libc().dlopen(ptr(text), RTLD_LAZY)) throw new Error(String(libc().dlerror()));
}

function makePrivate(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const status = lstatSync(folder);
  if (!status.isDirectory() || status.uid !== process.getuid?.()) throw new Error('belongs to somebody else');
  if (status.mode & 0o077) chmodSync(folder, 0o700);
}

function holds(path: string, digest: string): boolean {
  return existsSync(path) && sha256(readFileSync(path)) === digest;
}

function writeAtomically(path: string, data: Uint8Array): void {
  const temporary = `${path}.${process.pid}.${crypto.randomUUID()}`;
  const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o700);
  try {
    try {
      writeAll(fd, data);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
}

/** The path of the verified file; what cannot be loaded (a noexec mount) is removed, with the folder if that is empty. */
function storeAndProbe(folder: string, name: string, digest: string, data: Uint8Array): string {
  const path = join(folder, name);
  try {
    if (!holds(path, digest)) writeAtomically(path, data);
    probe(path);
    return path;
  } catch (error) {
    try {
      unlinkSync(path);
      rmdirSync(folder);
    } catch {
      // it was never written, or other files are there
    }
    throw error;
  }
}

function writeAll(fd: number, data: Uint8Array): void {
  for (let done = 0; done < data.length; ) done += writeSync(fd, data, done, data.length - done);
}
