/**
 * The files that travel inside the binary: paper specs with their miniature models and data, golden files, and the data of
 * METEOR's language tools.
 *
 * In the compiled binary they are embedded under `assets/<name>.zst` as {@link packAsset} packs them; in a checkout they are read
 * from their own paths. Names are relative to the repository root, with forward slashes: `papers/abjadmed.yaml`.
 */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inputError, MedreproError } from './errors';

/** The top-level folders that are assets; nothing else can be read through here. */
export const ASSET_FOLDERS = ['papers', 'golden', 'language'] as const;

/**
 * The bytes of an embedded file.
 *
 * @throws MedreproError `input` when there is no such asset, `internal` when the name leaves the asset folders.
 */
export function readAsset(name: string): Uint8Array {
  checkName(name);
  if (isCompiled()) {
    const path = embedded().get(name);
    if (path === undefined) throw missing(name);
    return unpackAsset(name, readFileSync(path));
  }
  const path = join(checkoutRoot(), name);
  if (!existsSync(path) || !statSync(path).isFile()) throw missing(name);
  return readFileSync(path);
}

/** An asset as the binary stores it: compressed, with the upper bytes of bf16 weights apart from the lower ones (a sixth smaller). */
export function packAsset(name: string, bytes: Uint8Array): Uint8Array {
  return Bun.zstdCompressSync(isWeights(name) ? bytesApart(bytes) : bytes, { level: 19 });
}

/** The inverse of {@link packAsset}. */
export function unpackAsset(name: string, packed: Uint8Array): Uint8Array {
  const bytes = Bun.zstdDecompressSync(packed);
  return isWeights(name) ? bytesTogether(bytes) : bytes;
}

/** {@link readAsset} as UTF-8 text. */
export function readAssetText(name: string): string {
  return new TextDecoder().decode(readAsset(name));
}

/** Whether {@link readAsset} would find `name`. */
export function hasAsset(name: string): boolean {
  checkName(name);
  if (isCompiled()) return embedded().has(name);
  const path = join(checkoutRoot(), name);
  return existsSync(path) && statSync(path).isFile();
}

/** The names of all assets that start with `prefix` (for example `papers/`), sorted by code unit. */
export function listAssets(prefix = ''): string[] {
  const names = isCompiled() ? [...embedded().keys()] : filesInCheckout();
  return names.filter((name) => name.startsWith(prefix)).sort();
}

/** Whether this is the compiled binary (its files are embedded) rather than a checkout. */
export function isCompiled(): boolean {
  return Bun.embeddedFiles.length > 0;
}

/** Where an embedded file that is stored as is (a native library) can be read, or null when it is not embedded. */
export function embeddedPath(base: string): string | null {
  for (const name of embeddedNames()) if (name === `assets/${base}`) return `/$bunfs/root/${name}`;
  return null;
}

/** The repository root when running from a checkout. */
export function checkoutRoot(): string {
  return new URL('..', import.meta.url).pathname;
}

// --- internal ---

const isWeights = (name: string): boolean => name.endsWith('.safetensors');

/** Every second byte from the first on, then the others. */
function bytesApart(bytes: Uint8Array): Uint8Array {
  const half = Math.ceil(bytes.length / 2);
  return Uint8Array.from(bytes, (_, i) => (i < half ? bytes[2 * i]! : bytes[2 * (i - half) + 1]!));
}

function bytesTogether(bytes: Uint8Array): Uint8Array {
  const half = Math.ceil(bytes.length / 2);
  const together = new Uint8Array(bytes.length);
  for (let i = 0; i < half; i++) together[2 * i] = bytes[i]!;
  for (let i = half; i < bytes.length; i++) together[2 * (i - half) + 1] = bytes[i]!;
  return together;
}

let index: Map<string, string> | undefined;

function embedded(): Map<string, string> {
  if (index) return index;
  index = new Map();
  for (const file of embeddedNames()) {
    const name = /^assets\/(.+)\.zst$/.exec(file)?.[1];
    if (name !== undefined) index.set(name, `/$bunfs/root/${file}`);
  }
  return index;
}

function embeddedNames(): string[] {
  // the declared type is Blob; what Bun puts there also has the file's name
  return (Bun.embeddedFiles as readonly (Blob & { name?: string })[]).map((file) => file.name ?? '');
}

function filesInCheckout(): string[] {
  const names: string[] = [];
  for (const folder of ASSET_FOLDERS) {
    const root = join(checkoutRoot(), folder);
    if (!existsSync(root)) continue;
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) names.push(join(entry.parentPath, entry.name).slice(checkoutRoot().length));
    }
  }
  return names;
}

function checkName(name: string): void {
  const parts = name.split('/');
  const folder = ASSET_FOLDERS.some((known) => known === parts[0]);
  const plain = parts.length > 1 && parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (!folder || !plain || name.includes('\\') || name.includes('\0')) {
    throw new MedreproError('internal', `${JSON.stringify(name)} is not the name of an asset`);
  }
}

function missing(name: string): MedreproError {
  return inputError(`${name} is not part of this build`, { remedy: "see what is with 'medrepro list'" });
}
