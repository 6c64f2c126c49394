import { afterAll, describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MedreproError } from '../../src/errors';
import { readBytes, readText, writeWhole } from '../../src/files';

const folder = mkdtempSync(join(tmpdir(), 'medrepro-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);

function failure(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof MedreproError) return `${error.code}: ${error.message.replaceAll(folder, '')}`;
    throw error;
  }
  return 'no error';
}

describe('reading', () => {
  test('what is no file ends in one line and is never waited for', () => {
    mkdirSync(path('folder'));
    symlinkSync('loop', path('loop'));
    Bun.spawnSync(['mkfifo', path('fifo')]);
    expect(failure(() => readBytes(path('none')))).toBe('input: /none does not exist');
    expect(failure(() => readBytes(path('folder')))).toBe('input: /folder is a folder, not a file');
    expect(failure(() => readBytes(path('loop')))).toBe('input: /loop is a link that leads back to itself');
    expect(failure(() => readBytes(path('fifo')))).toBe('input: /fifo is a pipe, not a file');
    expect(failure(() => readBytes('/dev/zero'))).toBe('input: /dev/zero is a device, not a file');
    expect(failure(() => readBytes(path('x'.repeat(300))))).toContain('is too long a name');
    // nobody writes to it
    expect(failure(() => readBytes(path('fifo'), { pipes: true, patience: 100 }))).toBe(
      'input: /fifo is a pipe that gave nothing for 0.1 s',
    );
  });

  test('a pipe that somebody writes to is read to its end, within the limit', async () => {
    const script = `import { readBytes } from '${join(import.meta.dir, '../../src/files.ts')}';
      try { console.log(readBytes('/dev/stdin', { pipes: true, limit: 300000 }).length); } catch (e) { console.log(e.message); }`;
    const run = async (bytes: number): Promise<string> => {
      const producer = `head -c ${bytes} /dev/zero | '${process.execPath}' -e "${script.replaceAll('"', '\\"').replaceAll('$', '\\$')}"`;
      return (await new Response(Bun.spawn(['sh', '-c', producer], { stdout: 'pipe' }).stdout).text()).trim();
    };
    expect(await run(200_000)).toBe('200000');
    // one that somebody opens later
    Bun.spawnSync(['mkfifo', path('later')]);
    Bun.spawn(['sh', '-c', `sleep 0.3; echo text > '${path('later')}'`]);
    expect(readText(path('later'), { pipes: true })).toBe('text\n');
    expect(await run(400_000)).toContain('/dev/stdin is above');
  });

  test('a file above the limit, and one of /proc that says 0 bytes', () => {
    writeWhole(path('big'), new Uint8Array(2000));
    expect(failure(() => readBytes(path('big'), { limit: 1024 }))).toContain('is above');
    expect(readBytes(path('big'), { limit: 2000 }).length).toBe(2000);
    expect(readText('/proc/self/status')).toContain('Pid:');
    expect(failure(() => readText('/proc/self/status', { limit: 16 }))).toContain('is above');
  });

  test('text is UTF-8 without its byte order mark, or refused with its line', () => {
    writeWhole(path('bom'), '\ufeffa: ب\n');
    expect(readText(path('bom'))).toBe('a: ب\n');
    writeWhole(path('cp1256'), new Uint8Array([0x61, 0x0a, 0x62, 0x0a, 0xe3, 0xd1, 0x0a]));
    try {
      readText(path('cp1256'));
      expect.unreachable();
    } catch (error) {
      expect((error as MedreproError).message).toBe('byte 4 is not UTF-8');
      expect((error as MedreproError).where).toEqual({ file: path('cp1256'), line: 3 });
    }
  });
});

describe('writing', () => {
  test('whole, into folders that are made where asked', () => {
    expect(failure(() => writeWhole(path('no/where'), 'x'))).toBe(
      'input: cannot write /no/where: its folder does not exist',
    );
    writeWhole(path('deep/er/file'), 'text', { folders: true });
    expect(readFileSync(path('deep/er/file'), 'utf8')).toBe('text');
    expect(readdirSync(path('deep/er'))).toEqual(['file']);
  });

  test('on a full disk nothing is left, and the old file stays', () => {
    // a limit on the size of files fails as a full disk does, without a disk
    const target = path('full/report.xml');
    writeWhole(target, 'old', { folders: true });
    const script = `import { writeWhole } from '${join(import.meta.dir, '../../src/files.ts')}';
      process.on('SIGXFSZ', () => {});
      try { writeWhole('${target}', new Uint8Array(1000000)); } catch (e) { console.log(e.message); }`;
    const child = Bun.spawnSync(['sh', '-c', `ulimit -f 100; exec '${process.execPath}' -e "$0"`, script]);
    expect(child.stdout.toString()).toContain(`cannot write ${target}`);
    expect(readFileSync(target, 'utf8')).toBe('old');
    expect(readdirSync(path('full'))).toEqual(['report.xml']);
  });

  test('a folder that is a file, one that may not be written to', () => {
    writeWhole(path('plain'), 'x');
    expect(failure(() => writeWhole(path('plain/file'), 'y'))).toContain('a part of the path is a file');
    if (process.getuid?.() === 0) return; // root may write anywhere
    mkdirSync(path('locked'));
    chmodSync(path('locked'), 0o500);
    expect(failure(() => writeWhole(path('locked/file'), 'y'))).toContain('permission denied');
    expect(existsSync(path('locked/file'))).toBe(false);
  });
});
