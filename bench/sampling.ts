/**
 * Milliseconds that the draw of one token takes at a vocabulary of 151,936 (Qwen3), median of 200: `bun bench/sampling.ts`.
 * Scores are normal with a few likely tokens (as a trained model's) and without (as an untrained one's).
 */
import { type Sampling, sample } from '../src/generate/sampling';
import { hostLibrary } from '../src/native/device';

const VOCABULARY = 151_936;
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
const settings: Record<string, Pick<Sampling, 'topK' | 'topP'>> = {
  all: { topK: null, topP: null },
  'top-k 50': { topK: 50, topP: null },
  'top-p 0.9': { topK: null, topP: 0.9 },
  'top-k 20, top-p 0.95': { topK: 20, topP: 0.95 },
};
for (const [kind, values] of Object.entries(scores)) {
  for (const [name, kept] of Object.entries(settings)) {
    const options = { temperature: 0.8, seed: 1, ...kept };
    const times = Array.from({ length: 300 }, (_, index) => {
      const begin = performance.now();
      sample(values, options, 0, index, (x) => host.exp(x));
      return performance.now() - begin;
    })
      .slice(100)
      .sort((a, b) => a - b);
    console.log(`${kind}, ${name}: ${times[100]!.toFixed(3)} ms (best ${times[0]!.toFixed(3)})`);
  }
}
