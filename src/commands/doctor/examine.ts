/**
 * Examines this machine: every choice comes with its reason as data.
 *
 * Nothing here throws: what cannot be found out is null, and a library that does not load is part of the answer.
 */

import { dlopen } from 'bun:ffi';
import { existsSync, statfsSync } from 'node:fs';
import { arch, availableParallelism, cpus, freemem, homedir, release, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { version } from '../../../package.json';
import { asMedreproError } from '../../errors';
import { readText } from '../../files';
import { MR_CPU_AVX2, MR_CPU_AVX512, MR_CPU_AVX512BF16, MR_CPU_F16C, MR_CPU_FMA } from '../../native/bindings';
import { cudaState, type KernelFamily } from '../../native/choose';
import { hostLibrary } from '../../native/device';
import { ISAS, type Isa } from '../../native/isa';
import { cacheFolders, locateLibrary } from '../../native/library';
import { bytes } from '../../units';
import type { DoctorDocument, DoctorRequest, PathReport } from './request';

export function examine(options: DoctorRequest): DoctorDocument {
  const { cpu, cpuError } = examineCpu();
  const folder = cacheFolders()[0] ?? '';
  return {
    version,
    bun: Bun.version,
    ready: cpu !== null,
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      architecture: arch(),
      kernel: release(),
      glibc: glibcVersion(),
      memory: totalmem(),
      memoryAvailable: freemem(),
    },
    cpu,
    cpuError,
    cuda: examineCuda(),
    cache: { folder, exists: existsSync(folder) },
    out: { folder: resolve(options.out), freeBytes: freeBytes(resolve(options.out)) },
    token: findToken(),
  };
}

/** The report for people. */
export function renderReport(report: DoctorDocument): string {
  const { machine, cpu, cuda, cache, out, token } = report;
  const rows: [string, string][] = [
    ['medrepro', `${report.version} (Bun ${report.bun})`],
    ['machine', `${machine.cpu}, ${machine.cores} cores, ${machine.architecture}`],
    ['memory', `${bytes(machine.memory)}, ${bytes(machine.memoryAvailable)} available`],
    ['system', `Linux ${machine.kernel}, glibc ${machine.glibc ?? 'not found'}`],
  ];
  if (cpu) {
    rows.push(['features', cpu.features.join(' ') || 'none of those the faster paths need']);
    rows.push(['kernels', `${bytes(cpu.library.bytes)}, loaded from ${cpu.library.how}, sha256 ${cpu.library.sha256}`]);
    for (const path of cpu.paths) {
      rows.push([path.chosen ? `* ${path.name}` : `  ${path.name}`, path.reason]);
    }
    rows.push(['threads', String(cpu.threads)]);
  } else rows.push(['kernels', `not usable: ${report.cpuError}`]);
  rows.push(['cuda', cuda.reason]);
  for (const family of cuda.families) rows.push([family.on ? '  on' : '  off', explainFamily(family)]);
  rows.push(['cache', `${cache.folder}${cache.exists ? '' : ' (not there yet)'}`]);
  rows.push([
    'output',
    `${out.folder}, ${out.freeBytes === null ? 'free space unknown' : `${bytes(out.freeBytes)} free`}`,
  ]);
  rows.push(['hub token', token.present ? `present (${token.source})` : 'none']);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join('\n');
}

// --- internal ---

const FEATURES: readonly (readonly [number, string])[] = [
  [MR_CPU_AVX2, 'AVX2'],
  [MR_CPU_FMA, 'FMA'],
  [MR_CPU_F16C, 'F16C'],
  [MR_CPU_AVX512, 'AVX-512 (F, BW, VL, DQ)'],
  [MR_CPU_AVX512BF16, 'AVX512-BF16'],
];

/** What each path needs on top of the one before it. */
const NEEDS: Readonly<Record<Isa, number>> = {
  portable: 0,
  avx2: MR_CPU_AVX2 | MR_CPU_FMA | MR_CPU_F16C,
  avx512: MR_CPU_AVX512,
  avx512bf16: MR_CPU_AVX512BF16,
};

function examineCpu(): Pick<DoctorDocument, 'cpu' | 'cpuError'> {
  try {
    const library = locateLibrary('cpu');
    if (!library) return { cpu: null, cpuError: 'libmedrepro_cpu.so is not in this build' };
    const host = hostLibrary();
    const features = host.cpuFeatures();
    return {
      cpu: {
        library,
        features: featureNames(features),
        paths: explainPaths(features, host.cpuBestIsa()),
        threads: host.cpuCount(),
      },
      cpuError: null,
    };
  } catch (error) {
    return { cpu: null, cpuError: asMedreproError(error).message };
  }
}

function featureNames(mask: number): string[] {
  return FEATURES.filter(([bit]) => (mask & bit) !== 0).map(([, name]) => name);
}

function explainPaths(features: number, best: number): PathReport[] {
  let needed = 0;
  return ISAS.map((name, index) => {
    needed |= NEEDS[name];
    const available = index <= best;
    const chosen = index === best;
    const missing = featureNames(needed & ~features);
    let reason = available ? 'available, slower than the one chosen' : `this CPU lacks ${missing.join(', ')}`;
    if (chosen) reason = 'chosen: the fastest path this CPU runs';
    else if (!available && missing.length === 0) reason = 'not in this build';
    return { name, available, chosen, reason };
  });
}

function examineCuda(): DoctorDocument['cuda'] {
  const { usable, reason, families } = cudaState();
  return { available: usable, reason, families };
}

const PROOF: Readonly<Record<KernelFamily['proof'], string>> = {
  ran: 'a card has run them',
  changed: 'newer than the last run on a card, tested in an emulation',
  unproven: 'no card has run them, tested in an emulation',
};

function explainFamily({ name, on, proof, setting }: KernelFamily): string {
  return `${name}: ${PROOF[proof]}${on || setting === null ? '' : `; ${setting} turns them on`}`;
}

function glibcVersion(): string | null {
  try {
    const { symbols } = dlopen('libc.so.6', { gnu_get_libc_version: { args: [], returns: 'cstring' } });
    return String(symbols.gnu_get_libc_version());
  } catch {
    return null;
  }
}

/** Free bytes for an ordinary user where `folder` is or would be created. */
function freeBytes(folder: string): number | null {
  let at = folder;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  try {
    const { bavail, bsize } = statfsSync(at);
    return bavail * bsize;
  } catch {
    return null;
  }
}

/** The places huggingface_hub looks at, in its order. */
function findToken(): DoctorDocument['token'] {
  const { HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH, HF_HOME, XDG_CACHE_HOME } = process.env;
  if (HF_TOKEN) return { present: true, source: 'HF_TOKEN' };
  if (HUGGING_FACE_HUB_TOKEN) return { present: true, source: 'HUGGING_FACE_HUB_TOKEN' };
  const home = HF_HOME ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface');
  const path = HF_TOKEN_PATH ?? join(home, 'token');
  try {
    if (readText(path).trim() !== '') return { present: true, source: path };
  } catch {
    // absent or not readable: no token
  }
  return { present: false, source: null };
}
