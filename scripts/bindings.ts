/**
 * Generates what must never drift from the C headers:
 *   src/native/bindings.ts     FFI signatures and typed, checked wrappers for every function
 *   kernels/cpu/dispatch.inc   the table of CPU paths and the exported functions that forward to it
 *
 *   bun scripts/bindings.ts           writes both
 *   bun scripts/bindings.ts --check   exits 1 when either differs from what the headers say
 *
 * The header is C in a plain grammar (one `MR_API <type> mr_name(<type> <name>, …);` per function), so forty lines of
 * reading are enough; anything else in a declaration is an error here, at generation time.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Parameter {
  readonly type: string;
  readonly name: string;
}
interface Declaration {
  readonly name: string;
  readonly returns: string;
  readonly parameters: readonly Parameter[];
  readonly comment: string;
}

const ROOT = join(import.meta.dir, '..');

/** C type to bun:ffi type. u64/i64 take plain numbers; every pointer is a number. */
const FFI: Readonly<Record<string, string>> = {
  int32_t: 'i32',
  uint32_t: 'u32',
  int64_t: 'i64',
  float: 'f32',
  double: 'f64',
  void: 'void',
};

function ffiType(type: string): string {
  if (type.endsWith('*')) return 'ptr';
  const found = FFI[type];
  if (found === undefined) throw new Error(`no FFI type for ${type}`);
  return found;
}

/** Reads every `MR_API` declaration and `enum` of a header. */
function readHeader(path: string): { declarations: Declaration[]; enums: Map<string, number> } {
  const text = readFileSync(path, 'utf8');
  const enums = new Map<string, number>();
  for (const body of text.matchAll(/enum \w+ \{([^}]*)\}/g)) {
    for (const entry of body[1]!.split(',')) {
      const [name, value] = entry.split('=').map((part) => part.trim());
      if (name) enums.set(name, Number(value));
    }
  }
  const declarations: Declaration[] = [];
  let comment = '';
  const pattern = /\/\*([\s\S]*?)\*\/|^MR_API\s+([^;]+);/gm;
  for (const match of text.matchAll(pattern)) {
    if (match[1] !== undefined) {
      const lines = match[1].split('\n').map((line) => line.trim().replace(/^\* ?/, ''));
      comment = lines.join(' ').trim();
      if (comment.startsWith('----')) comment = '';
      continue;
    }
    const flat = match[2]!.replace(/\s+/g, ' ').trim();
    const parts = /^(.+?)\s*(mr_\w+)\(([^)]*)\)$/.exec(flat);
    if (!parts) throw new Error(`${path}: cannot read: ${flat}`);
    const parameters =
      parts[3]!.trim() === 'void' ? [] : parts[3]!.split(',').map((part) => readParameter(part.trim()));
    declarations.push({ name: parts[2]!, returns: parts[1]!.trim(), parameters, comment });
    comment = '';
  }
  return { declarations, enums };
}

function readParameter(text: string): Parameter {
  const match = /^((?:const )?\w+\s*\*?)\s*(\w+)$/.exec(text);
  if (!match) throw new Error(`cannot read parameter: ${text}`);
  return { type: match[1]!.replace(/\s*\*/, '*').trim(), name: match[2]! };
}

/** What an op's TypeScript method takes for one or three parameters of the C function. */
interface Argument {
  readonly name: string;
  readonly type: 'Address' | 'number' | 'Matrix';
  /** One expression and its FFI type per parameter. */
  readonly values: readonly { readonly ffi: string; readonly value: string }[];
}

/** The parameters as a method has them: `<x>_dtype, <x>, ld<x>` become one matrix, everything else stays as it is. */
function argumentsOf(parameters: readonly Parameter[]): Argument[] {
  const found: Argument[] = [];
  for (let i = 0; i < parameters.length; i++) {
    const { type, name } = parameters[i]!;
    const ffi = ffiType(type);
    const [pointer, stride] = [parameters[i + 1], parameters[i + 2]];
    if (pointer !== undefined && name === `${pointer.name}_dtype` && stride?.name === `ld${pointer.name}`) {
      const matrix = camel(pointer.name);
      const values = [
        { ffi, value: `${matrix}.code` },
        { ffi: 'ptr', value: `${matrix}.address` },
        { ffi: ffiType(stride.type), value: `${matrix}.stride` },
      ];
      found.push({ name: matrix, type: 'Matrix', values });
      i += 2;
    } else {
      const plain = camel(name);
      found.push({ name: plain, type: ffi === 'ptr' ? 'Address' : 'number', values: [{ ffi, value: plain }] });
    }
  }
  return found;
}

const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** Ops are the functions that queue work on a stream and have one implementation per CPU path. */
const NOT_OPS = new Set([
  'mr_stream_destroy',
  'mr_stream_synchronize',
  'mr_device_alloc',
  'mr_device_free',
  'mr_device_name',
  'mr_device_free_memory',
  'mr_family_state',
  'mr_host_alloc',
  'mr_host_free',
  'mr_record_begin',
  'mr_record_end',
  'mr_replay',
  'mr_recording_free',
  'mr_copy_to_device',
  'mr_copy_to_host',
]);
const isOp = (d: Declaration): boolean => d.parameters[0]?.type === 'mr_stream*' && !NOT_OPS.has(d.name);

// ---- TypeScript ---------------------------------------------------------------------------------------------------------

function docstring(comment: string, indent: string): string {
  if (comment === '') return '';
  const words = comment.split(/\s+/);
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (`${indent} * ${line} ${word}`.length > 116) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return `${indent}/**\n${lines.map((text) => `${indent} * ${text}\n`).join('')}${indent} */\n`;
}

function tsMethod(d: Declaration, ops: boolean): string {
  const taken = argumentsOf(ops ? d.parameters.slice(1) : d.parameters);
  const signature = taken.map(({ name, type }) => `${name}: ${type}`).join(', ');
  const passed = taken.flatMap(({ values }) => values);
  const checks = passed
    .filter(({ ffi }) => ffi === 'i32' || ffi === 'u32' || ffi === 'i64')
    .map(({ ffi, value }) => `${ffi}(${value}, '${d.name}', '${value}');`);
  const args = [...(ops ? ['this.stream'] : []), ...passed.map(({ value }) => value)].join(', ');
  const call = `this.symbols.${d.name}(${args})`;
  const name = camel(d.name.slice(3));
  if (ops) {
    return `${docstring(d.comment, '  ')}  ${name}(${signature}): void {\n${checks.map((c) => `    ${c}\n`).join('')}    const code = ${call};\n    if (code !== 0) this.fail(code, '${d.name}');\n  }\n`;
  }
  const returns = d.returns.endsWith('*')
    ? d.returns === 'const char*'
      ? 'string'
      : 'Address'
    : d.returns === 'void'
      ? 'void'
      : 'number';
  const value = returns === 'string' ? `cString(${call})` : returns === 'Address' ? `address(${call})` : call;
  const body = returns === 'void' ? `    ${value};\n` : `    return ${value};\n`;
  return `${docstring(d.comment, '  ')}  ${name}(${signature}): ${returns} {\n${checks.map((c) => `    ${c}\n`).join('')}${body}  }\n`;
}

function ffiEntry(d: Declaration): string {
  const returns = d.returns.endsWith('*') ? 'ptr' : ffiType(d.returns);
  const args = d.parameters.map((p) => `'${ffiType(p.type)}'`).join(', ');
  return `  ${d.name}: { args: [${args}], returns: '${returns}' },\n`;
}

function typescript(device: Declaration[], host: Declaration[], enums: Map<string, number>): string {
  const ops = device.filter(isOp);
  const rest = device.filter((d) => !isOp(d));
  const constants = [...enums].map(([name, value]) => `export const ${name} = ${value};\n`).join('');
  return `// Generated by scripts/bindings.ts from kernels/medrepro.h and kernels/medrepro_host.h. Do not edit.
import { CString, dlopen, type Pointer } from 'bun:ffi';

/** A native address as a plain number; 0 is NULL. */
export type Address = number;

/** A stored matrix as ops take it. A tensor is one, of rows of its last dimension without gaps. */
export interface Matrix {
  /** Its dtype, MR_F32 and so on. */
  readonly code: number;
  readonly address: Address;
  /** Elements from the start of one row to the start of the next: the leading dimension. */
  readonly stride: number;
}

${constants}
const DEVICE_SYMBOLS = {
${device.map(ffiEntry).join('')}} as const;

const HOST_SYMBOLS = {
${host.map(ffiEntry).join('')}} as const;

type Call = (...args: (number | Address)[]) => number;
type Symbols<Table> = Record<keyof Table, Call>;

/** bun:ffi wraps integers silently, so every one is checked on the way in. */
function i32(value: number, where: string, name: string): void {
  if ((value | 0) !== value) throw new RangeError(\`\${where}: \${name} = \${value} is not a 32-bit integer\`);
}
function u32(value: number, where: string, name: string): void {
  if (value >>> 0 !== value) throw new RangeError(\`\${where}: \${name} = \${value} is not an unsigned 32-bit integer\`);
}
function i64(value: number, where: string, name: string): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(\`\${where}: \${name} = \${value} is not an exact integer\`);
}
const address = (value: number | null): Address => (value === null ? 0 : value);
const cString = (value: number | null): string => (value === null ? '' : new CString(value as unknown as Pointer).toString());

/** What every back end has besides its ops. */
export class DeviceLibrary {
  protected constructor(protected readonly symbols: Symbols<typeof DEVICE_SYMBOLS>) {}
  static open(path: string): DeviceLibrary {
    return new DeviceLibrary(dlopen(path, DEVICE_SYMBOLS).symbols as unknown as Symbols<typeof DEVICE_SYMBOLS>);
  }
  /** The symbols themselves, for \`Ops\`. */
  get table(): Symbols<typeof DEVICE_SYMBOLS> {
    return this.symbols;
  }
${rest.map((d) => tsMethod(d, false)).join('')}}

/** What only the CPU library has. */
export class HostLibrary {
  private constructor(private readonly symbols: Symbols<typeof HOST_SYMBOLS>) {}
  static open(path: string): HostLibrary {
    return new HostLibrary(dlopen(path, HOST_SYMBOLS).symbols as unknown as Symbols<typeof HOST_SYMBOLS>);
  }
${host.map((d) => tsMethod(d, false)).join('')}}

/** Every op of medrepro.h, on one stream; a failing op calls \`fail\`, which throws. */
export class Ops {
  constructor(
    private readonly symbols: Symbols<typeof DEVICE_SYMBOLS>,
    private readonly stream: Address,
    private readonly fail: (code: number, op: string) => never,
  ) {}

  /** Ops that call nothing: \`record\` gets the C function's name, and its values with their FFI types, the stream left out. */
  static recording(record: (op: string, values: readonly number[], types: readonly string[]) => void): Ops {
    const calls = Object.entries(DEVICE_SYMBOLS).map(([op, { args }]) => {
      const call: Call = (_stream, ...values) => {
        record(op, values, args.slice(1));
        return 0;
      };
      return [op, call] as const;
    });
    const unreachable = (): never => {
      throw new Error('a recorded op cannot fail');
    };
    return new Ops(Object.fromEntries(calls) as unknown as Symbols<typeof DEVICE_SYMBOLS>, 0, unreachable);
  }
${ops.map((d) => tsMethod(d, true)).join('\n')}}

/** Names of all ops, as in the header. */
export const OP_NAMES = [${ops.map((d) => `'${d.name}'`).join(', ')}] as const;
`;
}

// ---- C++ -----------------------------------------------------------------------------------------------------------------

const cSignature = (d: Declaration): string =>
  d.parameters.map((p) => `${p.type}${p.type.endsWith('*') ? ' ' : ' '}${p.name}`).join(', ');

function dispatch(device: Declaration[]): string {
  const ops = device.filter(isOp);
  const name = (d: Declaration): string => d.name.slice(3);
  const fields = ops.map((d) => `  int32_t (*${name(d)})(${d.parameters.map((p) => p.type).join(', ')});\n`).join('');
  const declared = ops.map((d) => `int32_t ${name(d)}(${cSignature(d)});\n`).join('');
  const exported = ops
    .map((d) => {
      const args = d.parameters.map((p) => p.name).join(', ');
      return `MR_API int32_t ${d.name}(${cSignature(d)}) {
  if (s == nullptr) return mr::fail(MR_ERR_ARGUMENT, "${d.name}: the stream is NULL");
  return s->ops->${name(d)}(${args});
}
`;
    })
    .join('');
  return `// Generated by scripts/bindings.ts from kernels/medrepro.h. Do not edit.
//
// Four sections, chosen by the including file:
//   MR_DISPATCH_STRUCT    struct Ops, inside namespace mr
//   MR_DISPATCH_TABLE     one path's functions and its table, compiled once per path (MR_PATH)
//   MR_DISPATCH_EXPORTS   the ABI: mr_<op> forwards to the stream's table
//   MR_DISPATCH_NAMES     MR_OP(<op>) for every op
#if defined(MR_DISPATCH_STRUCT)
struct Ops {
${fields}};
#undef MR_DISPATCH_STRUCT
#endif

#if defined(MR_DISPATCH_TABLE)
namespace mr {
namespace MR_PATH {
${declared}
extern const Ops ops;
const Ops ops = {
${ops.map((d) => `    ${name(d)},\n`).join('')}};
}  // namespace MR_PATH
}  // namespace mr
#undef MR_DISPATCH_TABLE
#endif

#if defined(MR_DISPATCH_EXPORTS)
extern "C" {
${exported}}  // extern "C"
#undef MR_DISPATCH_EXPORTS
#endif

#if defined(MR_DISPATCH_NAMES)
${ops.map((d) => `MR_OP(${name(d)})\n`).join('')}#undef MR_DISPATCH_NAMES
#endif
`;
}

// ---- main -------------------------------------------------------------------------------------------------------------------

const device = readHeader(join(ROOT, 'kernels/medrepro.h'));
const host = readHeader(join(ROOT, 'kernels/medrepro_host.h'));
const outputs: [string, string][] = [
  [
    'src/native/bindings.ts',
    typescript(device.declarations, host.declarations, new Map([...device.enums, ...host.enums])),
  ],
  ['kernels/cpu/dispatch.inc', dispatch(device.declarations)],
];
let stale = 0;
for (const [path, text] of outputs) {
  const full = join(ROOT, path);
  if (process.argv.includes('--check')) {
    const current = await Bun.file(full)
      .text()
      .catch(() => '');
    if (current !== text) {
      process.stderr.write(`${path} is not what the headers say: run bun scripts/bindings.ts\n`);
      stale++;
    }
  } else writeFileSync(full, text);
}
process.exitCode = stale === 0 ? 0 : 1;
