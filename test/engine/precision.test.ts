/**
 * bf16 and fp16 compute against torch's autocast (fixtures made by make_precision.py): on the same models, our distance from
 * torch's fp32 numbers is at most twice torch's own.
 */
import { describe, expect, test } from 'bun:test';
import { Tape } from '../../src/autograd/tape';
import type { LoraOptions } from '../../src/nn/lora';
import { causalLogits, causalPass, classifierLogits, classifierPass, nextTokenTargets } from '../../src/train/pass';
import {
  type CaseJson,
  caseRows,
  forwardOptions,
  loadCase,
  onCpu,
  readJson,
  readTensors,
  relativeError,
} from './support';

interface Errors {
  readonly logits: number;
  readonly loss: number;
  readonly gradients: Readonly<Record<string, number>>;
}
type Case = 'causal-tied' | 'causal-lora' | 'classifier-lora';

const torch = readJson<{ scale: number } & Record<Case, Record<'fp16' | 'bf16', Errors>>>('precision', 'errors.json');
const ADAPTERS: Readonly<Record<Case, LoraOptions | null>> = {
  'causal-tied': null,
  'causal-lora': { rank: 4, alpha: 16, dropout: 0, targets: ['q_proj', 'v_proj'] },
  'classifier-lora': { rank: 4, alpha: 8, dropout: 0, targets: 'all-linear' },
};

describe.each(['causal-tied', 'causal-lora', 'classifier-lora'] as const)('%s', (name) => {
  const json = readJson<CaseJson>('qwen3', name, 'case.json');
  const expected = readTensors('qwen3', name, 'case.safetensors');
  const adapter = ADAPTERS[name];
  const task = name === 'classifier-lora' ? 'sequence-classification' : 'causal-lm';

  test.each(['fp16', 'bf16'] as const)('%s: logits, loss and gradients', (compute) => {
    const theirs = torch[name][compute];
    onCpu((device) => {
      const model = loadCase(device, name, { compute, task, classes: 5, adapter, fullParameter: adapter === null });
      const rows = caseRows(json);
      model.decoder.prepare(32);
      const options = forwardOptions(compute);
      const logitsOf = task === 'causal-lm' ? causalLogits : classifierLogits;
      const logits = device.scope(() => device.readF32(logitsOf(new Tape(device, false), model, rows, options)));
      expect(relativeError(logits, expected.get('logits')!)).toBeLessThan(2 * theirs.logits);

      let loss: number;
      if (task === 'causal-lm') {
        const count = nextTokenTargets(rows).labels.length;
        loss = causalPass(device, model, rows, torch.scale / count, options).sum / count;
      } else {
        loss = classifierPass(device, model, [rows], [torch.scale], { kind: 'cross-entropy' }, options)[0]!;
      }
      // one number may be right by chance: torch's loss, to a millionth in one case. The logits' error bounds it as well
      expect(Math.abs(loss / json.loss - 1)).toBeLessThan(2 * Math.max(theirs.loss, theirs.logits));
      expect([...model.trainable.keys()].sort()).toEqual(Object.keys(theirs.gradients).sort());
      for (const [parameter, tensor] of model.trainable) {
        const gradient = device.readF32(tensor.grad!).map((value) => value / torch.scale);
        const error = relativeError(gradient, expected.get(`grad.${parameter}`)!);
        expect(error, parameter).toBeLessThan(2 * theirs.gradients[parameter]!);
      }
    });
  });
});
