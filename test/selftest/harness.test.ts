/** The self-test must notice what it is there for: kernels that are wrong in the usual ways. */
import { expect, test } from 'bun:test';
import { MR_F32 } from '../../src/native/bindings';
import { Device } from '../../src/native/device';
import { type Case, exactly, input, kernelCase, output, update, within } from '../../src/selftest/case';
import { runSelftest } from '../../src/selftest/run';

const N = 20;
const ONES = new Float64Array(N).fill(1);

/** A case whose y should be all ones. */
function onesCase(
  call: Parameters<typeof kernelCase<'x' | 'y'>>[0]['call'],
  tolerance: 'exact' | 'near' = 'exact',
): Case {
  return kernelCase({
    op: 'made_up',
    shape: `${N}`,
    dtype: 'f32',
    buffers: { x: input('f32', ONES), y: output('f32', N) },
    call,
    expected: () => ({ y: tolerance === 'exact' ? exactly(ONES, 'ones') : within(1, 'f32', ONES, 'ones') }),
  });
}

function run(test: Case) {
  const report = runSelftest({ open: Device.cpu, cases: [test] }, () => {});
  return report.ops[0]!.results[0]!;
}

test('a kernel that does what it says passes', () => {
  expect(run(onesCase((ops, at) => ops.fill(MR_F32, N, 1, at.y))).passed).toBe(true);
});

test('an element that is not written', () => {
  const result = run(onesCase((ops, at) => ops.fill(MR_F32, N - 1, 1, at.y)));
  expect(result.passed).toBe(false);
  expect(result.problems).toContain('1 elements of y were not written');
});

test.each([
  ['after', 0, 'bytes after y were written'],
  ['before', -4, 'bytes before y were written'],
] as const)('an element written %s the buffer', (_, shift, problem) => {
  const result = run(onesCase((ops, at) => ops.fill(MR_F32, N + 1, 1, at.y + shift)));
  expect(result.problems).toContain(problem);
});

test('an input that is written', () => {
  const result = run(
    onesCase((ops, at) => {
      ops.fill(MR_F32, N, 1, at.y);
      ops.fill(MR_F32, 1, 3, at.x);
    }),
  );
  expect(result.problems).toContain('the input x was written');
});

test('an element read outside the input', () => {
  const result = run(onesCase((ops, at) => ops.copy(4 * N, at.x + 4, at.y), 'near'));
  expect(result.passed).toBe(false);
});

test('a result that depends on the run', () => {
  let calls = 0;
  const result = run(onesCase((ops, at) => ops.fill(MR_F32, N, 1 + (calls++ % 2) * 2 ** -23, at.y), 'near'));
  expect(result.problems).toContain(`${N} elements of y differ between two runs (at another alignment)`);
});

test('an error above the tolerance, and its share', () => {
  const result = run(onesCase((ops, at) => ops.fill(MR_F32, N, 1 + 2 ** -22, at.y), 'near'));
  expect(result.problems).toEqual([]);
  expect(result.passed).toBe(false);
  expect(result.share).toBeCloseTo(4, 10);
});

test('NaN never passes', () => {
  const result = run(onesCase((ops, at) => ops.fill(MR_F32, N, Number.NaN, at.y), 'near'));
  expect(result.passed).toBe(false);
  expect(result.share).toBeNaN();
});

test('what lies between rows is left alone', () => {
  const gapped = (elements: number): Case =>
    kernelCase({
      op: 'made_up',
      shape: 'strided',
      dtype: 'f32',
      buffers: { y: update('f32', new Float64Array(N)) },
      call: (ops, at) => ops.fill(MR_F32, elements, 1, at.y),
      expected: () => ({ y: exactly(ONES, 'ones', { untouched: [N - 1] }) }),
    });
  expect(run(gapped(N - 1)).passed).toBe(true);
  expect(run(gapped(N)).problems).toContain('1 elements of y that belong to nobody were written');
});

test('a kernel that refuses', () => {
  const result = run(onesCase((ops, at) => ops.fill(99, N, 1, at.y)));
  expect(result.passed).toBe(false);
  expect(result.problems.join()).toContain('dtype 99');
});

test('an op nobody knows', () => {
  expect(() => runSelftest({ open: Device.cpu, only: 'convolution' }, () => {})).toThrow("'convolution'");
});
