/** Loading the embedded library where little is allowed, and what doctor says about it. */

import { describe, expect, test } from 'bun:test';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadThroughCache, loadThroughMemory, locateLibrary } from '../../src/native/library';
import { BINARY, medrepro, ROOT } from './binary';

const LIBRARY = join(ROOT, 'build/native/libmedrepro_cpu.so');
const sha256 = (data: Uint8Array) => new Bun.CryptoHasher('sha256').update(data).digest('hex');

async function withFolder(body: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'medrepro-test-'));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('in a checkout', () => {
  test('the library is loaded from build/native', () => {
    expect(locateLibrary('cpu')).toMatchObject({ path: LIBRARY, how: 'file', sha256: sha256(readFileSync(LIBRARY)) });
  });

  test('through memory', () => {
    expect(loadThroughMemory('x.so', readFileSync(LIBRARY))).toMatch(/^\/proc\/self\/fd\/\d+$/);
    expect(() => loadThroughMemory('x.so', new Uint8Array(64))).toThrow();
  });

  test('through a cache: the first folder that works, named by hash', () =>
    withFolder((folder) => {
      const data = readFileSync(LIBRARY);
      const path = loadThroughCache('x.so', data, ['/proc/nowhere', join(folder, 'a')]);
      expect(path).toBe(join(folder, 'a', `${sha256(data)}-x.so`));
      expect(loadThroughCache('x.so', data, [join(folder, 'a')])).toBe(path);
      expect(readdirSync(join(folder, 'a')).length).toBe(1);
    }));

  test('no folder works: the error names each', () => {
    expect(() => loadThroughCache('x.so', readFileSync(LIBRARY), ['/proc/nowhere'])).toThrow(/\/proc\/nowhere: /);
  });
});

describe('the binary', () => {
  const how = async (env: Record<string, string>, through: string[] = []) => {
    const { exitCode, stdout, stderr } = await medrepro(['doctor', '--json'], { env, through, cwd: '/' });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    return JSON.parse(stdout).cpu.library;
  };

  test('carries the library that was built', async () => {
    expect(await how({})).toMatchObject({ how: 'memfd', sha256: sha256(readFileSync(LIBRARY)) });
  });

  test('nowhere to write: still loads', async () => {
    expect((await how({ HOME: '/proc/nowhere', TMPDIR: '/proc/nowhere' })).how).toBe('memfd');
  });

  test('a tampered cache file is replaced', () =>
    withFolder(async (folder) => {
      const env = { MEDREPRO_LIBRARY: 'cache', XDG_CACHE_HOME: folder };
      const first = await how(env);
      expect(first).toMatchObject({
        how: 'cache',
        path: join(folder, 'medrepro', `${first.sha256}-libmedrepro_cpu.so`),
      });
      const good = readFileSync(first.path);
      good[good.length - 1] = (good[good.length - 1] ?? 0) ^ 1;
      chmodSync(first.path, 0o700);
      writeFileSync(first.path, good);
      expect(await how(env)).toEqual(first);
      expect(sha256(readFileSync(first.path))).toBe(first.sha256);
    }));

  test('does not obey a .env or bunfig.toml of the current folder', () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, '.env'), 'HF_TOKEN=fake\n');
      writeFileSync(join(folder, 'bunfig.toml'), 'preload = ["./evil.ts"]\n');
      writeFileSync(join(folder, 'evil.ts'), 'console.log("evil")');
      const { stdout } = await medrepro(['doctor', '--json'], { cwd: folder, env: { HF_HOME: folder } });
      expect(JSON.parse(stdout).token).toEqual({ present: false, source: null });
    }));

  const root = process.getuid?.() === 0 && Bun.which('setpriv') !== null;
  test.if(root)('as an ordinary user without a home', () =>
    withFolder(async (folder) => {
      chmodSync(folder, 0o755);
      const copy = join(folder, 'medrepro');
      copyFileSync(BINARY, copy);
      chmodSync(copy, 0o755);
      mkdirSync(join(folder, 'out'));
      const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', copy, 'doctor', '--json'];
      const child = Bun.spawn(nobody, { env: { HOME: '/nonexistent' }, cwd: folder, stdout: 'pipe', stderr: 'pipe' });
      expect(await child.stderr.text()).toBe('');
      expect(JSON.parse(await child.stdout.text()).cpu.library.how).toBe('memfd');
    }),
  );
});

describe('doctor', () => {
  test('every path has a reason, one is chosen, and the token is never shown', async () => {
    const { stdout } = await medrepro(['doctor', '--json'], { env: { HF_TOKEN: 'hf_secret' } });
    const report = JSON.parse(stdout);
    expect(stdout).not.toContain('hf_secret');
    expect(report.token).toEqual({ present: true, source: 'HF_TOKEN' });
    expect(report.cpu.paths.map((path: { name: string }) => path.name)).toEqual([
      'portable',
      'avx2',
      'avx512',
      'avx512bf16',
    ]);
    expect(report.cpu.paths.filter((path: { chosen: boolean }) => path.chosen).length).toBe(1);
    expect(report.cpu.paths.every((path: { reason: string }) => path.reason.length > 5)).toBe(true);
    expect(report.machine).toMatchObject({ glibc: expect.stringMatching(/^2\.\d+$/), cores: expect.any(Number) });
  });
});
