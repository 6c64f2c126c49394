/**
 * medrepro on a GPU beside torch, transformers + PEFT and the card itself, on one machine in one run; and whether each number
 * that medrepro sets itself is met (bench/gpu-verdicts.ts).
 *
 *   PYTHON=/path/to/python-with-torch,transformers,peft bun bench/gpu.ts [--only gemm|train|paper|generate|NAME[,NAME…]]
 *       [--side medrepro|torch] [--rounds 1] [--seconds 540] [--device cuda|cpu] [--tiny] [--list] [--out bench/results/FILE.json]
 *
 * Every measurement is a process of its own, which may take so long and no longer: a kernel that hangs ends only its own measurement. A
 * failure is recorded with its reason, and so is a measurement for which no time is left; the file is written again after each. `--device cpu --tiny` runs the peers on toy models, to check this script where there is
 * no GPU: medrepro's own side is unmeasured there, and so is every number.
 */
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { GEMM_SHAPES, type GemmResult } from '../src/bench/gemm';
import { BATCHES, type GenerateResult } from '../src/bench/generate';
import { PAPER_SETUPS, type PaperRunResult } from '../src/bench/paper-run';
import { SHAPES, type ShapeName } from '../src/bench/shapes';
import { TRAIN_SETUPS, type TrainSetup, type TrainStepResult } from '../src/bench/train-step';
import { OPS } from '../src/selftest/cases';
import type { SelftestReport } from '../src/selftest/run';
import type { Check, Measured, Peak, PeerGemm, PeerGenerate, PeerStep, Round } from './gpu-verdicts';
import { isMeasured, ratiosOf, verdictsOf } from './gpu-verdicts';
import { commitHere, environment } from './process';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    side: { type: 'string' },
    rounds: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '540' },
    device: { type: 'string', default: 'cuda' },
    tiny: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    commit: { type: 'string' },
    out: { type: 'string' },
  },
});

interface Output {
  readonly stdout: string;
  /** Null when it did not end by itself. */
  readonly exitCode: number | null;
  /** Null when it ended well. */
  readonly failure: string | null;
}

const began = performance.now();
const secondsLeft = (): number => Number(values.seconds) - (performance.now() - began) / 1e3;
const PEER_SECONDS = 200;
const OWN_SECONDS = { figures: 120, paper: 240, selftest: 180, op: 20, mini: 90 } as const;
/** Below this a process is not worth starting. */
const LEAST = 15;

/** One process, which may take `most` seconds. */
function spawn(command: readonly string[], most = Number.POSITIVE_INFINITY): Output {
  const left = secondsLeft();
  const allowed = Math.ceil(Math.min(left, most));
  const start = performance.now();
  if (left < LEAST) return { stdout: '', exitCode: null, failure: `no time left of ${values.seconds} s` };
  try {
    const result = Bun.spawnSync([...command], {
      stdout: 'pipe',
      stderr: 'pipe',
      env: environment,
      timeout: 1e3 * allowed,
      killSignal: 'SIGKILL',
    });
    const stdout = result.stdout.toString();
    const { exitCode } = result;
    if (exitCode === 0) return { stdout, exitCode, failure: null };
    if (performance.now() - start >= 1e3 * allowed)
      return { stdout, exitCode: null, failure: `stopped after ${allowed} s` };
    // the cause and its remedy, or the end of a traceback
    const said = result.stderr.toString().trim().split('\n').slice(-2).join(' ').replace(/\s+/g, ' ').slice(-300);
    return {
      stdout,
      exitCode,
      failure: said || `exit code ${result.exitCode}${result.signalCode ? `, ${result.signalCode}` : ''}`,
    };
  } catch (error) {
    return { stdout: '', exitCode: null, failure: String(error) };
  }
}

// ---- medrepro ----

interface Document {
  readonly gemm: readonly GemmResult[];
  readonly train: readonly TrainStepResult[];
  readonly papers: readonly PaperRunResult[];
  readonly generate: readonly GenerateResult[];
  readonly unmeasured?: readonly { readonly reason: string }[];
}

const BINARY = join(import.meta.dir, '../dist/medrepro');

/** What `medrepro bench --only` measures, by the compiled binary in a process of its own. */
function ours<Figure>(
  only: string,
  of: (document: Document) => Figure | undefined,
  most: number = OWN_SECONDS.figures,
): Measured<Figure & object> {
  const { stdout, failure } = spawn([BINARY, 'bench', '--device', 'cuda', '--only', only, '--json'], most);
  let document: Document | null = null;
  try {
    document = JSON.parse(stdout) as Document;
  } catch {
    // a failure is described in words
  }
  const told = document?.unmeasured?.[0]?.reason ?? failure;
  if (told !== null || document === null) return { unmeasured: told ?? 'no figures in what it printed' };
  return (of(document) as (Figure & object) | undefined) ?? { unmeasured: `bench knows no '${only}'` };
}

/** Lines of a check that are kept. */
const TOLD = 60;

/** The self-test, or the part of it whose ops have `only` in their names. */
function selftest(only: string | null, most: number): Measured<Check> {
  const chosen = only === null ? [] : ['--only', only];
  const start = performance.now();
  const { stdout, failure } = spawn([BINARY, 'selftest', '--device', 'cuda', '--quiet', '--json', ...chosen], most);
  const seconds = (performance.now() - start) / 1e3;
  let report: SelftestReport & Pick<Document, 'unmeasured'>;
  try {
    report = JSON.parse(stdout) as typeof report;
  } catch {
    return { unmeasured: failure ?? 'no report in what it printed' };
  }
  const [missing] = report.unmeasured ?? [];
  if (missing !== undefined) return { unmeasured: missing.reason };
  const wrong = report.ops.flatMap(({ results }) => results.filter(({ passed }) => !passed));
  const told = wrong.map(({ op, shape, dtype, problems, outputs }) => {
    const errors = outputs.filter(({ error, tolerance }) => !(error <= tolerance));
    const sizes = errors.map(({ name, error, tolerance }) => `${name} off by ${error}, tolerance ${tolerance}`);
    return `${op} ${shape} ${dtype}: ${[...problems, ...sizes].join('; ')}`;
  });
  return { cases: report.passed + report.failed, failed: report.failed, seconds, told: told.slice(0, TOLD) };
}

/** The claims of a paper's miniature on the card, against its golden file. */
function mini(paper: string): Measured<Check> {
  const start = performance.now();
  const out = join(tmpdir(), `medrepro-gpu-${process.pid}`);
  const command = [BINARY, 'verify', paper, '--scale', 'mini', '--device', 'cuda', '--out', out];
  const { stdout, failure, exitCode } = spawn(command, OWN_SECONDS.mini);
  const told = stdout.trim().split('\n').slice(0, TOLD);
  if (stdout.trim() === '' || told[0]!.startsWith('UNMEASURED: --device'))
    return { unmeasured: told[0] || (failure ?? 'it said nothing') };
  // 4: as accepted, and something that no miniature can measure
  const asAccepted = exitCode === 0 || exitCode === 4;
  if (!asAccepted && exitCode !== 1) return { unmeasured: failure ?? 'it did not end' };
  return { cases: 1, failed: asAccepted ? 0 : 1, seconds: (performance.now() - start) / 1e3, told };
}

// ---- the peers ----

type Line = Readonly<Record<string, unknown>>;

/** Lines of JSON that a peer printed, and why there are no more. */
function peer(script: string, request: object): { readonly lines: readonly Line[]; readonly failure: string | null } {
  const python = process.env.PYTHON ?? 'python3';
  const command = [python, join(import.meta.dir, 'peers', script), '--request', JSON.stringify(request)];
  const options = ['--device', values.device, ...(values.tiny ? ['--tiny'] : [])];
  // a peer that hangs in a compiler does not stop the others
  const { stdout, failure } = spawn([...command, ...options], PEER_SECONDS);
  const lines = stdout.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'));
  return { lines: lines.map((line) => JSON.parse(line) as Line), failure };
}

const sizesOf = (shape: ShapeName): object => ({ ...SHAPES[shape], ropeTheta: SHAPES[shape].rope.full.theta });

interface PeerCase {
  readonly name: string;
  readonly precision: 'autocast' | 'bf16';
  readonly batch: number;
}

/** Cases of a setup: with an adapter in fp32 under autocast, and where `both`, in bf16 too. */
const casesOf = (setup: TrainSetup, { both = false, batches = [16] } = {}): (PeerCase & object)[] =>
  (both ? (['autocast', 'bf16'] as const) : (['autocast'] as const)).flatMap((precision) =>
    batches.map((batch) => {
      const { adapter } = setup;
      const ranks =
        adapter.kind === 'adalora'
          ? { rank: adapter.initialRank, targetRank: adapter.targetRank }
          : { rank: adapter.rank };
      return {
        name: [setup.name, precision, `${batch} rows`].join(', '),
        adapter: adapter.kind ?? 'lora',
        ...ranks,
        alpha: adapter.alpha,
        dropout: adapter.dropout,
        rows: setup.rows,
        batch,
        precision,
      };
    }),
  );

const setupOf = (name: string): TrainSetup => TRAIN_SETUPS.cuda.find((setup) => setup.name === name)!;

function peerSteps(round: Round, base: 'bf16' | 'nf4', cases: readonly (PeerCase & object)[]): void {
  const { shape, classes } = setupOf(cases[0]!.name.split(', ')[0]!);
  const { lines, failure } = peer('gpu_step.py', { sizes: sizesOf(shape), base, classes, cases });
  for (const { name } of cases) {
    const line = lines.find((found) => found.case === name);
    const figures = line === undefined ? { unmeasured: failure ?? 'it printed nothing' } : (line as unknown);
    round.peerTrain[`${name}, base ${base}`] = figures as Measured<PeerStep>;
  }
}

// ---- what is measured, most important first ----

interface Job {
  readonly name: string;
  readonly side: 'medrepro' | 'torch';
  readonly run: (round: Round) => void;
}

const selftestJob: Job = {
  name: 'selftest',
  side: 'medrepro',
  run: (round) => {
    const whole = selftest(null, OWN_SECONDS.selftest);
    round.checks.selftest = whole;
    if (isMeasured(whole) && whole.failed === 0) return;
    // a fault of one kernel ends the whole process, or fails whatever comes after it there
    for (const op of [...OPS, 'tape.', 'model.']) {
      const part = selftest(op, OWN_SECONDS.op);
      // no GPU: the reason is the same for all
      if (!isMeasured(part) && !isMeasured(whole) && part.unmeasured === whole.unmeasured) return;
      round.checks[`selftest ${op}`] = part;
    }
  },
};
const miniJob = (paper: string): Job => ({
  name: `mini ${paper}`,
  side: 'medrepro',
  run: (round) => {
    round.checks[`mini ${paper}`] = mini(paper);
  },
});
const trainJob = (name: string): Job => ({
  name,
  side: 'medrepro',
  run: (round) => {
    round.train[name] = ours(name, ({ train }) => train[0]);
  },
});
const peerJob = (
  name: string,
  base: 'bf16' | 'nf4',
  ...cases: (readonly [setup: string, how?: { both?: boolean; batches?: number[] }])[]
): Job => ({
  name: `${name} torch ${base}`,
  side: 'torch',
  run: (round) =>
    peerSteps(
      round,
      base,
      cases.flatMap(([setup, how]) => casesOf(setupOf(setup), how)),
    ),
});
const generateJob = (shape: ShapeName, base: 'bf16' | 'nf4'): Job => ({
  name: `generate ${shape} ${base}`,
  side: 'medrepro',
  run: (round) => {
    const name = `generate ${shape} ${base}`;
    round.generate[name] = ours(name, ({ generate }) => generate[0]);
  },
});
const peerGenerateJob = (shape: ShapeName): Job => ({
  name: `generate ${shape} torch`,
  side: 'torch',
  run: (round) => {
    const { lines, failure } = peer('gpu_generate.py', { sizes: sizesOf(shape), batches: BATCHES.cuda });
    const found = lines.filter((line) => 'variant' in line) as unknown as readonly Measured<PeerGenerate>[];
    round.peerGenerate[shape] = failure === null ? found : [...found, { unmeasured: failure }];
  },
});

const R16 = 'train qwen3-8b nf4 r16';
const R256 = 'train qwen3-8b nf4 r256 82 classes';
const short = (name: string): string => `${name} rows of 118`;

const PAPERS = readdirSync(join(import.meta.dir, '../papers'))
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => name.slice(0, -'.yaml'.length))
  .toSorted();
const GENERATED = ['qwen3-0.6b', 'llama-3.2-1b'] as const;

const JOBS: readonly Job[] = [
  selftestJob,
  {
    name: 'gemm medrepro',
    side: 'medrepro',
    run: (round) => {
      round.gemm = ours('gemm', ({ gemm }) => ({ products: gemm }));
    },
  },
  {
    name: 'gemm torch',
    side: 'torch',
    run: (round) => {
      const { lines, failure } = peer('gpu_gemm.py', { shapes: GEMM_SHAPES.cuda });
      const products = lines.filter((line) => 'layout' in line) as unknown as readonly Measured<PeerGemm>[];
      round.peerGemm = products.length > 0 ? { products } : { unmeasured: failure ?? 'it printed nothing' };
    },
  },
  ...[R16, short(R16), R256, short(R256)].map(trainJob),
  ...PAPERS.map(miniJob),
  ...GENERATED.map((shape) => generateJob(shape, 'bf16')),
  peerJob('train qwen3-8b', 'bf16', [short(R16), { both: true }], [`${short(R16)} dropout`], [R16], [`${R16} dropout`]),
  peerJob('train qwen3-8b 82 classes', 'bf16', [short(R256), { both: true, batches: [16, 4] }], [R256]),
  ...['llama-3-8b nf4 r64', 'llama-3-8b nf4 adalora', 'qwen2-7b nf4 r64', 'qwen3-0.6b bf16 r16'].map((name) =>
    trainJob(`train ${name}`),
  ),
  ...['train tinyllama-1.1b bf16 r16', 'train medgemma-27b nf4 r64 1024 tokens'].map(trainJob),
  ...[`${short(R16)} dropout`, `${R16} dropout`].map(trainJob),
  peerJob('train qwen3-8b', 'nf4', [short(R16)], [`${short(R16)} dropout`], [R16]),
  peerJob('train qwen3-8b 82 classes', 'nf4', [short(R256)]),
  peerJob('train llama-3-8b', 'bf16', ['train llama-3-8b nf4 r64'], ['train llama-3-8b nf4 adalora']),
  peerJob('train qwen2-7b', 'bf16', ['train qwen2-7b nf4 r64']),
  peerJob('train qwen3-0.6b', 'bf16', ['train qwen3-0.6b bf16 r16']),
  peerJob('train tinyllama-1.1b', 'bf16', ['train tinyllama-1.1b bf16 r16']),
  ...PAPER_SETUPS.map(
    ({ name }): Job => ({
      name,
      side: 'medrepro',
      run: (round) => {
        round.paper[name] = ours(name, ({ papers }) => papers[0], OWN_SECONDS.paper);
      },
    }),
  ),
  ...GENERATED.map(peerGenerateJob),
  ...GENERATED.map((shape) => generateJob(shape, 'nf4')),
];

// ---- the run ----

const wanted = values.only?.split(',');
const jobs = JOBS.filter(
  ({ name, side }) =>
    (wanted === undefined || wanted.some((part) => name.includes(part))) && (values.side ?? side) === side,
);
if (values.list || jobs.length === 0) {
  console.log(JOBS.map(({ name }) => name).join('\n'));
  process.exit(values.list ? 0 : 2);
}

/** The first line that a command prints; null where it cannot be run. */
function ask(command: readonly string[]): string | null {
  try {
    const result = Bun.spawnSync([...command], { stdout: 'pipe', stderr: 'ignore', timeout: 20_000 });
    return result.exitCode === 0 ? (result.stdout.toString().trim().split('\n')[0] ?? null) : null;
  } catch {
    return null;
  }
}

const about = {
  date: new Date().toISOString(),
  only: values.only ?? null,
  toy: values.tiny,
  // name, driver, memory
  card: ask(['nvidia-smi', '--query-gpu=name,driver_version,memory.total', '--format=csv,noheader']),
  commit: values.commit ?? commitHere(),
  medrepro: ask([join(import.meta.dir, '../dist/medrepro'), '--version']),
};
const rounds: Round[] = [];
const write = async (): Promise<void> => {
  if (values.out === undefined) return;
  const seconds = (performance.now() - began) / 1e3;
  const document = { ...about, seconds, verdicts: verdictsOf(rounds), ratios: ratiosOf(rounds), rounds };
  await Bun.write(values.out, `${JSON.stringify(document, null, 2)}\n`);
};

for (let index = 0; index < Number(values.rounds); index++) {
  const round: Round = { checks: {}, train: {}, peerTrain: {}, paper: {}, generate: {}, peerGenerate: {} };
  rounds.push(round);
  const { lines, failure } =
    values.side === 'medrepro' ? { lines: [], failure: 'torch was not asked' } : peer('gpu_gemm.py', { shapes: [] });
  round.peak = (lines.find((line) => 'peakFlops' in line) as unknown as Peak | undefined) ?? {
    unmeasured: failure ?? 'torch printed nothing',
  };
  for (const { name, run } of jobs) {
    console.error(`${((performance.now() - began) / 1e3).toFixed(0).padStart(4)} s  round ${index + 1}: ${name}`);
    run(round);
    await write();
  }
}

const verdicts = verdictsOf(rounds);
const [first] = rounds;
if (isMeasured(first?.peak)) {
  const { hardware, peakFlops, bytesPerSecond } = first.peak;
  const { read, copy } = bytesPerSecond;
  console.log(
    `${hardware}: torch ${(peakFlops / 1e12).toFixed(1)} TFLOP/s bf16, reads ${(read / 1e12).toFixed(2)} and copies ${(copy / 1e12).toFixed(2)} TB/s`,
  );
}
for (const [name, check] of Object.entries(first?.checks ?? {})) {
  if (!isMeasured(check)) console.log(`check     ${name}: unmeasured: ${check.unmeasured}`);
  else {
    const { cases, failed, seconds, told } = check;
    console.log(`check     ${name}: ${failed} of ${cases} failed, ${seconds.toFixed(0)} s`);
    if (failed > 0) for (const line of told) console.log(`            ${line}`);
  }
}
for (const [name, figures] of Object.entries(first?.train ?? {})) {
  if (!isMeasured(figures)) console.log(`medrepro  ${name}: unmeasured: ${figures.unmeasured}`);
  else {
    const { tokensPerSecond, peakBytes } = figures;
    console.log(`medrepro  ${name}: ${tokensPerSecond.toFixed(0)} tokens/s, ${(peakBytes / 1e9).toFixed(1)} GB`);
  }
}
for (const [name, figures] of Object.entries(first?.peerTrain ?? {})) {
  if (!isMeasured(figures)) console.log(`torch     ${name}: unmeasured: ${figures.unmeasured}`);
  else {
    const { tokensPerSecond, peakBytes, microBatch, checkpointing } = figures;
    const way = `micro-batches of ${microBatch}${checkpointing ? ', checkpointing' : ''}`;
    console.log(
      `torch     ${name}: ${tokensPerSecond.toFixed(0)} tokens/s, ${(peakBytes / 1e9).toFixed(1)} GB, ${way}`,
    );
  }
}
const part = (value: number | null, digits: (value: number) => string): string =>
  value === null ? '-' : digits(value);
for (const { name, shareOfPeak, speed, memory } of ratiosOf(rounds)) {
  const share = part(shareOfPeak, (value) => `${(100 * value).toFixed(1)}%`);
  const [fast, large] = [speed, memory].map((value) => part(value, (ratio) => `${ratio.toFixed(2)}x`));
  console.log(`ratios    ${name}: ${share} of torch's peak, ${fast} the peer's speed, ${large} its memory`);
}
for (const { item, needed, measured, met, note } of verdicts) {
  const judged = met === null ? 'unmeasured' : met ? 'met' : 'NOT MET';
  console.log(`${judged.padEnd(10)}  ${item}: ${needed}; ${measured ?? 'no figure'}${note === '' ? '' : ` (${note})`}`);
}
