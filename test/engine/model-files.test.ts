/** Folders of checkpoints: shards, names, links, what is missing and what is broken. */
import { afterAll, describe, expect, test } from 'bun:test';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { MedreproError } from '../../src/errors';
import { type ModelFiles, openEmbeddedModel, openModelFolder } from '../../src/nn/model-files';
import { openAdapterFolder } from '../../src/nn/peft';
import { openSafetensors, storedF32, type TensorToWrite, writeSafetensors } from '../../src/nn/safetensors';
import { damaged, seeded } from '../damage';
import { FIXTURES } from './support';

const ROOT = mkdtempSync(join(tmpdir(), 'medrepro-model-files-'));
afterAll(() => rmSync(ROOT, { recursive: true, force: true }));
let made = 0;

const INDEX = 'model.safetensors.index.json';
const SHARDED = join(FIXTURES, 'llama', 'causal-untied');
const shard = (n: number): string => `model-0000${n}-of-00003.safetensors`;

/** A copy of a fixture's folder to break. */
function copyOf(source = SHARDED): string {
  const folder = join(ROOT, `${made++}`);
  cpSync(source, folder, { recursive: true });
  return folder;
}

/** The message of a refusal, which must be one line with a remedy; the opened files, closed, otherwise. */
function open(folder: string): string | ModelFiles {
  try {
    const files = openModelFolder(folder);
    files.tensors.close();
    return files;
  } catch (error) {
    if (!(error instanceof MedreproError)) throw error;
    expect(error.code).toBe('input');
    expect(error.message).not.toContain('\n');
    expect(error.message.length).toBeLessThan(600);
    expect(error.remedy).toBeString();
    return error.message;
  }
}

function editIndex(folder: string, edit: (map: Record<string, unknown>) => void): void {
  const path = join(folder, INDEX);
  const json = JSON.parse(readFileSync(path, 'utf8')) as { weight_map: Record<string, unknown> };
  edit(json.weight_map);
  writeFileSync(path, JSON.stringify(json));
}

/** The values of every tensor, by name. */
function values(folder: string): Map<string, Float32Array> {
  const files = openModelFolder(folder);
  const read = new Map([...files.tensors.tensors].map(([name, stored]) => [name, storedF32(stored)]));
  files.tensors.close();
  return new Map([...read].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Writes all tensors of a folder into one file, changed by `edit`. */
function rewrite(folder: string, edit: (tensors: TensorToWrite[]) => TensorToWrite[]): void {
  const tensors = [...values(folder)].map(
    ([name, data]): TensorToWrite => ({ name, dtype: 'f32', shape: [data.length], data: new Uint8Array(data.buffer) }),
  );
  writeSafetensors(join(folder, 'model.safetensors'), edit(tensors));
}

describe('what is read', () => {
  test('shards, and the same tensors in one file', () => {
    const files = open(SHARDED) as ModelFiles;
    expect(files.tensors.tensors.size).toBe(21);
    expect(files.warnings).toEqual([]);
    const single = copyOf();
    rewrite(single, (tensors) => tensors);
    expect(values(single)).toEqual(values(SHARDED));
  });

  test('the hash depends on every shard, and a single file has its own', () => {
    const hash = (folder: string): string => (open(folder) as ModelFiles).sha256;
    const other = copyOf();
    expect(hash(other)).toBe(hash(SHARDED));
    const path = join(other, shard(3));
    const bytes = readFileSync(path);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(path, bytes);
    expect(hash(other)).not.toBe(hash(SHARDED));
    const single = join(FIXTURES, 'gemma3', 'causal-tied');
    const expected = new Bun.CryptoHasher('sha256')
      .update(readFileSync(join(single, 'model.safetensors')))
      .digest('hex');
    expect(hash(single)).toBe(expected);
  });

  test('a snapshot of a Hugging Face cache, whose files are links', () => {
    const cache = join(ROOT, 'models--owner--name');
    const [blobs, snapshot] = [join(cache, 'blobs'), join(cache, 'snapshots', 'c0ffee')];
    mkdirSync(blobs, { recursive: true });
    mkdirSync(snapshot, { recursive: true });
    for (const [i, name] of ['config.json', INDEX, shard(1), shard(2), shard(3)].entries()) {
      cpSync(join(SHARDED, name), join(blobs, `blob${i}`));
      symlinkSync(`../../blobs/blob${i}`, join(snapshot, name));
    }
    expect(values(snapshot)).toEqual(values(SHARDED));
  });

  test('the names of a multimodal model, old and new, and of a bare decoder', () => {
    const expected = values(SHARDED);
    const rename = (name: (full: string) => string, ...more: string[]): Map<string, Float32Array> => {
      const folder = copyOf();
      rewrite(folder, (tensors) => [
        ...tensors.map((tensor) => ({ ...tensor, name: name(tensor.name) })),
        ...more.map((extra): TensorToWrite => ({ name: extra, dtype: 'u8', shape: [1], data: Uint8Array.of(1) })),
      ]);
      const files = open(folder) as ModelFiles;
      expect(files.warnings).toEqual([]);
      const read = openModelFolder(folder);
      const mine = [...read.tensors.tensors].filter(([full]) => expected.has(full));
      const found = new Map(mine.map(([full, stored]) => [full, storedF32(stored)]));
      read.tensors.close();
      return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
    };
    expect(rename((name) => `language_model.${name}`, 'vision_tower.embed.weight')).toEqual(expected);
    const nested = (name: string): string => name.replace(/^model\./, 'model.language_model.');
    expect(rename(nested, 'model.vision_tower.a', 'model.multi_modal_projector.b')).toEqual(expected);
    const bare = rename((name) => name.replace(/^model\./, ''));
    expect(bare).toEqual(expected);
  });

  test('what shards hold counts, not what the index says of them', () => {
    const swapped = copyOf();
    renameSync(join(swapped, shard(1)), join(swapped, 'x'));
    renameSync(join(swapped, shard(2)), join(swapped, shard(1)));
    renameSync(join(swapped, 'x'), join(swapped, shard(2)));
    expect(values(swapped)).toEqual(values(SHARDED));
    const lacking = copyOf();
    editIndex(lacking, (map) => {
      map['model.layers.9.mlp.up_proj.weight'] = shard(1);
    });
    expect((open(lacking) as ModelFiles).warnings).toEqual([
      `${lacking}: ${INDEX} names tensors that no shard has: model.layers.9.mlp.up_proj.weight`,
    ]);
  });

  test('what is not used is named once; buffers of old files are not worth a word', () => {
    const folder = copyOf();
    const extra = (name: string): TensorToWrite => ({ name, dtype: 'u8', shape: [1], data: Uint8Array.of(1) });
    rewrite(folder, (tensors) => [
      ...tensors,
      extra('model.layers.0.self_attn.rotary_emb.inv_freq'),
      extra('value_head.weight'),
      extra('model.layers.7.mlp.up_proj.weight'),
    ]);
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as object;
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, future_gate: 1 }));
    expect((open(folder) as ModelFiles).warnings).toEqual([
      `${folder}: config.json has fields not known here: future_gate`,
      `${folder}: tensors that the model does not use: model.layers.7.mlp.up_proj.weight, value_head.weight`,
    ]);
  });

  test('the embedded miniatures', () => {
    expect(openEmbeddedModel('mini/base-small').warnings).toEqual([]);
  });
});

describe('what is refused', () => {
  test('a folder without a config, without weights, with a pickle, an adapter', () => {
    expect(open(join(ROOT, 'absent'))).toContain('config.json does not exist');
    const adapter = join(SHARDED, 'adapter');
    expect(open(adapter)).toContain('config.json does not exist');
    expect(() => openModelFolder(adapter)).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining('--adapter') }),
    );
    const folder = copyOf();
    rmSync(join(folder, INDEX));
    expect(open(folder)).toContain(`model.safetensors does not exist, nor does ${INDEX}`);
    writeFileSync(join(folder, 'pytorch_model.bin'), '');
    expect(() => openModelFolder(folder)).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining('pickle') }),
    );
  });

  test.each([
    '../secret.safetensors',
    '/etc/passwd',
    '/tmp/model.safetensors',
    '..',
    '.',
    '',
    'a/../../b.safetensors',
    'sub/model.safetensors',
    'a\\b.safetensors',
    'c:\\model.safetensors',
    'model.safetensors\0',
    'model\n.safetensors',
    '.hidden.safetensors',
    'pytorch_model.bin',
    5,
    null,
    [['model.safetensors']],
    {},
  ])('a shard called %j', (name) => {
    const folder = copyOf();
    cpSync(join(folder, shard(1)), join(ROOT, 'secret.safetensors'));
    editIndex(folder, (map) => {
      map['lm_head.weight'] = name;
    });
    expect(open(folder)).toContain('is not the name of a safetensors file in this folder');
  });

  test('a shard that is missing, a folder, a device, a dangling or a circular link', () => {
    const path = (folder: string): string => join(folder, shard(2));
    const breakage: [string, (folder: string) => void][] = [
      ['does not exist', () => {}],
      ['is not a file', (folder) => mkdirSync(path(folder))],
      ['is not a file', (folder) => symlinkSync('/dev/zero', path(folder))],
      ['does not exist', (folder) => symlinkSync('nowhere', path(folder))],
      ['does not exist', (folder) => symlinkSync(shard(2), path(folder))],
    ];
    for (const [reason, make] of breakage) {
      const folder = copyOf();
      rmSync(path(folder));
      make(folder);
      expect(open(folder)).toContain(reason);
    }
    for (const name of ['config.json', 'model.safetensors']) {
      const folder = copyOf();
      rmSync(join(folder, name), { force: true });
      symlinkSync('/dev/zero', join(folder, name));
      expect(open(folder)).toContain('not a file');
    }
  });

  test('shards that are cut off', () => {
    const cut = copyOf();
    truncateSync(join(cut, shard(1)), 900);
    expect(open(cut)).toContain('truncated');
  });

  test('an index that is no index', () => {
    for (const text of ['', '{', '[]', 'null', '5', '{}', '{"weight_map":[]}', '{"weight_map":{}}', '\xff']) {
      const folder = copyOf();
      writeFileSync(join(folder, INDEX), Buffer.from(text, 'latin1'));
      expect(open(folder)).toBeString();
    }
  });

  test('tensors of another architecture inside a block', () => {
    const folder = copyOf();
    const bias: TensorToWrite = {
      name: 'model.layers.1.self_attn.k_proj.bias',
      dtype: 'u8',
      shape: [1],
      data: Uint8Array.of(1),
    };
    rewrite(folder, (tensors) => [...tensors, bias]);
    expect(open(folder)).toContain('a llama block has no model.layers.1.self_attn.k_proj.bias');
  });

  test('two tensors for one place', () => {
    const folder = copyOf();
    rewrite(folder, (tensors) => [
      ...tensors.map((tensor) => ({ ...tensor, name: `language_model.${tensor.name}` })),
      { ...tensors.find(({ name }) => name === 'lm_head.weight')! },
    ]);
    expect(open(folder)).toContain('two tensors stand for lm_head.weight');
  });
});

describe('files without end, and files that claim much', () => {
  const ADAPTER = join(FIXTURES, 'adapters', 'peft-rslora');
  const fifo = (path: string): void => void Bun.spawnSync(['mkfifo', path]);
  const zero = (path: string): void => symlinkSync('/dev/zero', path);

  test.each([
    ['config.json', SHARDED],
    [INDEX, SHARDED],
    [shard(2), SHARDED],
    ['model.safetensors', SHARDED],
    ['adapter_config.json', ADAPTER],
    ['adapter_model.safetensors', ADAPTER],
  ])('a pipe or a device as %s is refused at once', (name, source) => {
    for (const make of [fifo, zero]) {
      const folder = copyOf(source);
      rmSync(join(folder, name), { force: true });
      make(join(folder, name));
      const read = () => (source === ADAPTER ? openAdapterFolder(folder) : openModelFolder(folder));
      expect(read).toThrow(/not a file/);
      if (source === SHARDED) expect(open(folder)).toContain(name);
    }
  });

  /** A file of a header alone. */
  function ofHeader(header: Buffer): string {
    const folder = copyOf();
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(header.length));
    writeFileSync(join(folder, 'model.safetensors'), Buffer.concat([size, header]));
    return folder;
  }

  test('a million empty tensors, and more than a file may have', () => {
    const entry = (name: number | string): string => `"${name}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`;
    // what a million takes: it is not looked at
    expect(open(ofHeader(Buffer.alloc(1_000_000 * entry('123456').length, ' ')))).toMatch(
      /the header claims \d+ bytes/,
    );
    const many = (count: number): Buffer =>
      Buffer.from(`{${Array.from({ length: count }, (_, i) => entry(i)).join()}}`);
    expect(open(ofHeader(many(140_000)))).toContain('140000 tensors are more than 131072');
    const { warnings } = open(ofHeader(many(20_000))) as ModelFiles;
    expect(warnings.at(-1)!.length).toBeLessThan(200);
  }, 20_000);

  test('a config or an index above its limit', () => {
    const folder = copyOf();
    truncateSync(join(folder, 'config.json'), 2 ** 24 + 1);
    expect(open(folder)).toContain('config.json is above 16 MiB');
    const other = copyOf();
    truncateSync(join(other, INDEX), 2 ** 40);
    expect(open(other)).toContain(`${INDEX} is above 64 MiB`);
  });
});

describe('damage', () => {
  test.each(['config.json', INDEX, shard(1), shard(3)])('%s, 120 times: read, or one line', (name) => {
    const folder = copyOf();
    const original = readFileSync(join(SHARDED, name));
    // the header is where damage can mislead
    const head = name.endsWith('.safetensors') ? 8 + Number(original.readBigUInt64LE(0)) : original.length;
    const draw = seeded(name.length);
    for (let round = 0; round < 120; round++) {
      const bytes = Buffer.concat([damaged(original.subarray(0, head), draw), original.subarray(head)]);
      writeFileSync(join(folder, name), bytes);
      const result = open(folder);
      if (typeof result !== 'string') {
        const read = openModelFolder(folder);
        for (const tensor of read.tensors.tensors.values()) if (tensor.dtype !== 'u8') storedF32(tensor);
        read.tensors.close();
      }
    }
  });

  test('any JSON as an index', () => {
    const folder = copyOf();
    const file = fc.oneof(
      fc.constantFrom(shard(1), shard(2), shard(3), '../x.safetensors', '__proto__'),
      fc.jsonValue(),
    );
    const name = fc.oneof(fc.constantFrom('lm_head.weight', '__proto__', 'constructor', 'toString'), fc.string());
    const index = fc.oneof(fc.jsonValue(), fc.record({ weight_map: fc.dictionary(name, file, { maxKeys: 4 }) }));
    fc.assert(
      fc.property(index, (json) => {
        writeFileSync(join(folder, INDEX), JSON.stringify(json));
        void open(folder);
      }),
      { numRuns: 100 },
    );
  });

  test('a name given twice: the last one counts, and what it claims is checked', () => {
    const folder = copyOf();
    const path = join(folder, INDEX);
    const text = readFileSync(path, 'utf8');
    const twice = text.replace('"lm_head.weight"', `"lm_head.weight": "../../x.safetensors", "lm_head.weight"`);
    writeFileSync(path, twice);
    expect(values(folder)).toEqual(values(SHARDED));
    writeFileSync(path, text.replace(/("lm_head.weight": "[^"]*")/, `$1, "lm_head.weight": "../x.safetensors"`));
    expect(open(folder)).toContain('is not the name of a safetensors file');
  });
});

test('a mapped file that is closed leaves nothing open', () => {
  // a leak of one mapping or descriptor a time would end this at the limits of the system
  for (let round = 0; round < 300; round++) openSafetensors(join(SHARDED, shard(1))).close();
});
