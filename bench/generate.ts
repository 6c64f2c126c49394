/**
 * medrepro's prefill and decoding against torch's, paired: every round runs each peer variant and then medrepro on the
 * same machine, and ratios are computed within a round.
 *
 *   PYTHON=/path/to/python-with-torch-and-transformers bun bench/generate.ts [--shape qwen3-0.6b|tinyllama-1.1b]
 *       [--base fp32|bf16|nf4|fp32,nf4] [--peer fp32|bf16] [--rounds 1] [--threads 2] [--out bench/results/FILE.json]
 *
 * An NF4 base is paired with torch's fp32, whose results it approximates with fp32 sums; several bases run in one round. --peer
 * names torch's precision: on a processor without bf16 instructions it prefills fastest in fp32.
 */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { commitHere, run } from './process';

interface Figures {
  readonly prefill: number;
  /** Tokens per second, by batch. */
  readonly decode: Readonly<Record<string, number>>;
  readonly peakBytes: number;
}

const { values } = parseArgs({
  options: {
    shape: { type: 'string', default: 'qwen3-0.6b' },
    base: { type: 'string', default: 'fp32' },
    peer: { type: 'string' },
    rounds: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    commit: { type: 'string' },
    out: { type: 'string' },
  },
});
const python = process.env.PYTHON ?? 'python3';
const bases = values.base.split(',');
const precision = values.peer ?? (bases.includes('bf16') ? 'bf16' : 'fp32');
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  'eager, dynamic': ['--attention', 'eager'],
  'sdpa, dynamic': ['--attention', 'sdpa'],
  'sdpa, static': ['--attention', 'sdpa', '--static'],
  'sdpa, static, compile': ['--attention', 'sdpa', '--static', '--compile'],
};

function peer(variant: readonly string[]): Figures {
  const shared = ['--shape', values.shape, '--precision', precision, '--threads', values.threads];
  const output = run([python, join(import.meta.dir, 'peers/generate.py'), ...shared, ...variant]);
  return JSON.parse(output.split('\n').at(-1)!) as Figures;
}

interface Own extends Figures {
  /** Shares of the multiply-add peak and of the reading speed of the same run. */
  readonly shares: { readonly prefill: number | null; readonly decode: Readonly<Record<string, number>> };
  /** Bytes per second. */
  readonly bandwidth: number;
}

/** The compiled binary, in a process of its own. */
function ours(base: string): Own {
  const only = `generate ${values.shape} ${base}`;
  const binary = join(import.meta.dir, '../dist/medrepro');
  const document = JSON.parse(run([binary, 'bench', '--only', only, '--threads', values.threads, '--json'])) as {
    generate: [
      {
        prefill: { tokensPerSecond: number; share: number | null };
        decode: { batch: number; tokensPerSecond: number; share: number }[];
        bandwidth: number;
        peakBytes: number;
      },
    ];
  };
  const [{ prefill, decode, bandwidth, peakBytes }] = document.generate;
  return {
    prefill: prefill.tokensPerSecond,
    decode: Object.fromEntries(decode.map(({ batch, tokensPerSecond }) => [batch, tokensPerSecond])),
    shares: {
      prefill: prefill.share,
      decode: Object.fromEntries(decode.map(({ batch, share }) => [batch, share])),
    },
    bandwidth,
    peakBytes,
  };
}

const rounds = Array.from({ length: Number(values.rounds) }, () => ({
  peers: Object.fromEntries(Object.entries(VARIANTS).map(([name, flags]) => [name, peer(flags)])),
  ours: Object.fromEntries(bases.map((base) => [base, ours(base)])),
}));

const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]!;
const batches = Object.keys(rounds[0]!.ours[bases[0]!]!.decode);
const kinds = ['prefill', ...batches] as const;
const figure = (f: Figures, kind: string): number => (kind === 'prefill' ? f.prefill : f.decode[kind]!);
/** Against the variant that is fastest at each kind of work. */
const ratiosOf = (base: string): Record<string, number> =>
  Object.fromEntries(
    kinds.map((kind) => [
      kind,
      median(
        rounds.map(({ ours: own, peers }) => {
          const best = Math.max(...Object.values(peers).map((f) => figure(f, kind)));
          return figure(own[base]!, kind) / best;
        }),
      ),
    ]),
  );
const memoryOf = (base: string): number =>
  median(
    rounds.map(
      ({ ours: own, peers }) => own[base]!.peakBytes / Math.min(...Object.values(peers).map((f) => f.peakBytes)),
    ),
  );
const ratios = Object.fromEntries(bases.map((base) => [base, { ...ratiosOf(base), memory: memoryOf(base) }]));
console.log(`${values.shape} ${values.base}, ${values.threads} threads, ${rounds.length} rounds, ${cpus()[0]?.model}`);
const line = (name: string, of: (round: (typeof rounds)[number]) => Figures): string =>
  [
    name.padEnd(34),
    ...kinds.map((kind) => `${median(rounds.map((r) => figure(of(r), kind))).toFixed(1)} tokens/s`.padStart(17)),
    `${(median(rounds.map((r) => of(r).peakBytes)) / 1e6).toFixed(0)} MB`.padStart(9),
  ].join('');
console.log(['', ...kinds.map((kind) => (kind === 'prefill' ? kind : `decode x${kind}`))].join('\t'));
for (const name of Object.keys(VARIANTS)) console.log(line(`torch ${precision} ${name}`, (r) => r.peers[name]!));
for (const base of bases) {
  console.log(line(`medrepro ${base}`, (r) => r.ours[base]!));
  const against = ratiosOf(base);
  const speeds = kinds.map((kind) => `${against[kind]!.toFixed(2)}x`);
  console.log(`against torch's best: ${speeds.join(', ')}; memory ${memoryOf(base).toFixed(2)}x`);
}
const { out, ...asked } = values;
if (out !== undefined) {
  const commit = asked.commit ?? commitHere();
  const document = { ...asked, precision, processor: cpus()[0]?.model, commit, ratios, rounds };
  await Bun.write(out, `${JSON.stringify(document, null, 2)}\n`);
}
