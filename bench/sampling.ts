/**
 * Milliseconds that drawing one token takes at a vocabulary of 151,936 (Qwen3), with penalties and a copy of the scores:
 * `bun bench/sampling.ts`. Median and minimum over batches of 3 draws, of wall time and of the process's CPU time; on a busy
 * machine the minimum of CPU time is closest to what the code takes.
 * Scores are normal with a few likely tokens (as a trained model's) and without (as an untrained one's).
 */
import { type Penalties, ScoreProcessor } from '../src/generate/processors';
import { type Sampling, sample } from '../src/generate/sampling';
import { hostLibrary } from '../src/native/device';

const VOCABULARY = 151_936;
const [BATCHES, WARM_UP, BATCH] = [500, 100, 3];
const host = hostLibrary();
let state = 1;
const random = (): number => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
  return (state + 1) / 2 ** 31;
};
const normal = (): number => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
const scores = {
  trained: Float32Array.from({ length: VOCABULARY }, (_, id) =>
    id % 20_000 === 7 ? 12 + random() * 4 : 2.5 * normal(),
  ),
  untrained: Float32Array.from({ length: VOCABULARY }, () => 0.3 * normal()),
};
const ALL = { topK: null, topP: null };
const NUCLEUS = { topK: null, topP: 0.9 };
const PENALTIES: Penalties = {
  repetitionPenalty: 1.1,
  noRepeatNgramSize: 3,
  rules: { removeInvalidValues: true, minNewTokens: 5, suppressTokens: [1, 2, 3] },
};
const settings: Record<string, Omit<Sampling, 'temperature' | 'seed'> & { penalties?: Penalties }> = {
  all: ALL,
  'top-k 50': { topK: 50, topP: null },
  'top-p 0.9': NUCLEUS,
  'top-k 5000, top-p 0.95': { topK: 5000, topP: 0.95 },
  'top-k 20, top-p 0.95': { topK: 20, topP: 0.95 },
  'min-p 0.05': { ...ALL, minP: 0.05 },
  'top-p 0.9, penalties': { ...NUCLEUS, penalties: PENALTIES },
};

const summary = (times: readonly number[]): string => {
  const sorted = times.slice(WARM_UP).sort((a, b) => a - b);
  return `${sorted[Math.floor(sorted.length / 2)]!.toFixed(3)} ms (best ${sorted[0]!.toFixed(3)})`;
};

for (const [kind, values] of Object.entries(scores)) {
  for (const [name, { penalties, ...kept }] of Object.entries(settings)) {
    const options = { temperature: 0.8, seed: 1, ...kept };
    const processor = penalties === undefined ? null : new ScoreProcessor({ ...penalties, eosTokenIds: [5] });
    for (let i = 0; i < 2000; i++) processor?.push((i * 7919) % 5000);
    processor?.begin();
    const changed = values.slice();
    const [wall, cpu]: [number[], number[]] = [[], []];
    for (let batch = 0; batch < BATCHES; batch++) {
      const begin = performance.now();
      const before = process.cpuUsage();
      for (let i = 0; i < BATCH; i++) {
        changed.set(values);
        processor?.apply(changed);
        sample(changed, options, 0, batch * BATCH + i, (x) => host.exp(x));
      }
      const { user, system } = process.cpuUsage(before);
      cpu.push((user + system) / 1000 / BATCH);
      wall.push((performance.now() - begin) / BATCH);
    }
    console.log(`${kind}, ${name}: wall ${summary(wall)}, CPU ${summary(cpu)}`);
  }
}
