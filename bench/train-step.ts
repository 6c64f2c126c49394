/**
 * medrepro's LoRA training step against torch's, paired: every round runs each peer variant and then medrepro on the
 * same machine, and the ratio is computed within a round, so that a machine that slows down affects both.
 *
 *   PYTHON=/path/to/python-with-torch bun bench/train-step.ts [--shape mini|qwen3-0.6b] [--precision fp32|bf16]
 *       [--base bf16|nf4] [--peer fp32|bf16] [--rounds 3] [--threads 2] [--out bench/results/FILE.json]
 *
 * The base is medrepro's alone: torch's is stored in what it computes in. That is medrepro's precision unless --peer names
 * another: on a processor without bf16 instructions torch is fastest in fp32.
 */

import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { commitHere, run } from './process';

interface Figure {
  readonly tokensPerSecond: number;
  readonly bestTokensPerSecond: number;
  readonly peakBytes: number;
}

const { values } = parseArgs({
  options: {
    shape: { type: 'string', default: 'mini' },
    precision: { type: 'string', default: 'fp32' },
    base: { type: 'string', default: 'bf16' },
    peer: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    commit: { type: 'string' },
    out: { type: 'string' },
  },
});
const python = process.env.PYTHON ?? 'python3';
const VARIANTS: readonly (readonly string[])[] = [[], ['--sdpa'], ['--compile'], ['--compile', '--sdpa']];

const peerPrecision = values.peer ?? values.precision;
const shared = ['--shape', values.shape, '--precision', peerPrecision, '--threads', values.threads];
const peer = (variant: readonly string[]): Figure =>
  JSON.parse(
    run([python, join(import.meta.dir, 'peers/lora_step.py'), ...shared, ...variant])
      .split('\n')
      .at(-1)!,
  ) as Figure;
const only = ['train', values.shape, ...(values.base === 'bf16' ? [] : [values.base]), values.precision].join(' ');
/** The compiled binary, in a process of its own. */
function ours(): Figure {
  const command = [
    join(import.meta.dir, '../dist/medrepro'),
    'bench',
    '--only',
    only,
    '--threads',
    values.threads,
    '--json',
  ];
  const [figure] = (JSON.parse(run(command)) as { train: Figure[] }).train;
  if (figure === undefined) throw new Error(`medrepro measures no '${only}'`);
  return figure;
}

const rounds: { ours: Figure; peers: Record<string, Figure> }[] = [];
for (let round = 0; round < Number(values.rounds); round++) {
  const peers: Record<string, Figure> = {};
  for (const variant of VARIANTS) peers[variant.join(' ') || 'eager'] = peer(variant);
  rounds.push({ ours: ours(), peers });
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;
const names = Object.keys(rounds[0]!.peers);
const best = names.reduce((a, b) =>
  median(rounds.map((r) => r.peers[a]!.tokensPerSecond)) >= median(rounds.map((r) => r.peers[b]!.tokensPerSecond))
    ? a
    : b,
);
const speed = median(rounds.map((r) => r.ours.tokensPerSecond / r.peers[best]!.tokensPerSecond));
const memory = median(rounds.map((r) => r.ours.peakBytes / r.peers[best]!.peakBytes));
const line = (name: string, of: (round: (typeof rounds)[number]) => Figure): string =>
  `${name.padEnd(28)} ${median(rounds.map((r) => of(r).tokensPerSecond))
    .toFixed(1)
    .padStart(9)} tokens/s  ` + `${(median(rounds.map((r) => of(r).peakBytes)) / 1e6).toFixed(0).padStart(6)} MB`;
console.log(
  `${values.shape} ${values.precision}, base ${values.base}, ${values.threads} threads, ${rounds.length} rounds, ${cpus()[0]?.model}`,
);
for (const name of names) console.log(line(`torch ${peerPrecision} ${name}`, (r) => r.peers[name]!));
console.log(line('medrepro', (r) => r.ours));
console.log(
  `against torch ${peerPrecision} ${best} (its best): ${speed.toFixed(2)}x tokens/s, ${memory.toFixed(2)}x memory`,
);
const { out, ...asked } = values;
if (out !== undefined) {
  const commit = asked.commit ?? commitHere();
  const document = { ...asked, peer: peerPrecision, processor: cpus()[0]?.model, commit, best, speed, memory, rounds };
  await Bun.write(out, `${JSON.stringify(document, null, 2)}\n`);
}
