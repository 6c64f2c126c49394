/** Every case of the self-test, by op in the order of medrepro.h. */
import { OP_NAMES } from '../native/bindings';
import type { Case } from './case';
import { adaloraCases } from './cases/adalora';
import { attentionCases } from './cases/attention';
import { blockCases } from './cases/blocks';
import { elementwiseCases } from './cases/elementwise';
import { gemmCases } from './cases/gemm';
import { int8Cases, int8TapeCases } from './cases/int8';
import { lossCases } from './cases/losses';
import { modelCases } from './cases/models';
import { quantisationCases } from './cases/quantisation';
import { reductionCases } from './cases/reductions';
import { tapeCases } from './cases/tape';

/** Names of the ops as the self-test reports them. */
export const OPS: readonly string[] = OP_NAMES.map((name) => name.slice('mr_'.length));

export function allCases(): Case[] {
  const kernels = [
    ...elementwiseCases(),
    ...gemmCases(),
    ...blockCases(),
    ...attentionCases(),
    ...lossCases(),
    ...reductionCases(),
    ...adaloraCases(),
    ...quantisationCases(),
    ...int8Cases(),
  ];
  return [
    ...OPS.flatMap((op) => kernels.filter((test) => test.op === op)),
    ...tapeCases(),
    ...int8TapeCases(),
    ...modelCases(),
  ];
}
