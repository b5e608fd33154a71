import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { FederatedError } from '../../../../../shared/errors.ts';
import { registerTrainingKernels } from '../../../../../shared/engine/kernels/tfjs/register.ts';
import { numbers, runKernel, useTrainingBackend } from './training-backend.ts';

describe('the registration of the training kernels', () => {
  const backend = useTrainingBackend();

  const refused = async (other: unknown): Promise<FederatedError> => {
    const error = await registerTrainingKernels(other).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).to.be.instanceOf(FederatedError);
    expect((error as FederatedError).code).to.equal('NO_BACKEND');
    return error as FederatedError;
  };

  it('gives the wasm backend every kernel that training needs and that the cpu backend has', () => {
    const names = (of: string): string[] => tf.getKernelsForBackend(of).map(({ kernelName }) => kernelName);
    const wasm = new Set(names('wasm'));
    const missing = names('cpu').filter((name) => !wasm.has(name));
    // Complex numbers, drawing, ragged tensors and text.
    expect(missing.toSorted()).to.deep.equal(
      'Complex ComplexAbs Draw FFT IFFT Imag RaggedGather RaggedRange RaggedTensorToTensor Real StaticRegexReplace'.split(
        ' ',
      ),
    );
  });

  it('changes nothing the second time', async () => {
    const kernels = () => tf.getKernelsForBackend('wasm').map(({ kernelName, kernelFunc }) => [kernelName, kernelFunc]);
    const before = kernels();
    await Promise.all([registerTrainingKernels(backend()), registerTrainingKernels(backend())]);
    expect(kernels()).to.deep.equal(before);
  });

  it('refuses backends whose memory it cannot share, and says why', async () => {
    expect((await refused(tf.findBackend('cpu') ?? {})).message).to.match(/not the wasm backend/);
    expect((await refused(undefined)).message).to.match(/not the wasm backend/);
    const shared = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const threaded = { wasm: { asm: { memory: shared } } };
    expect((await refused(threaded)).message).to.match(/set the flag WASM_HAS_MULTITHREAD_SUPPORT to false/);
  });

  it('is for one instance of the backend: another says what is missing', () => {
    const { kernelFunc } = tf.getKernel('BatchMatMul', 'wasm');
    const [a, b] = [tf.ones([2, 2]), tf.ones([2, 2])];
    const other = Object.create(backend() as object) as never;
    expect(() => kernelFunc({ inputs: { a, b }, backend: other, attrs: { transposeA: false, transposeB: false } }))
      .to.throw(FederatedError)
      .with.property('message')
      .that.matches(/await registerTrainingKernels/);
    tf.dispose([a, b]);
  });

  it('leaves no tensor, no data and no memory behind in 200 rounds of every kernel', () => {
    const round = (): void => {
      const t = (...shape: number[]): tf.Tensor =>
        tf.tensor(
          numbers(
            shape.reduce((size, side) => size * side, 1),
            1,
          ),
          shape,
        );
      const plain = { transposeA: false, transposeB: true };
      runKernel('BatchMatMul', { a: t(3, 40, 30), b: t(3, 20, 30) }, plain);
      const fused = { ...plain, activation: 'relu' };
      runKernel('_FusedMatMul', { a: t(1, 40, 30), b: t(1, 20, 30), bias: t(20) }, fused);
      const conv = { strides: 1, pad: 'same', dilations: 1, dataFormat: 'NHWC', activation: 'elu' };
      runKernel('FusedConv2D', { x: t(2, 9, 9, 4), filter: t(3, 3, 4, 8), bias: t(8) }, conv);
      runKernel('Conv2D', { x: t(2, 4, 9, 9), filter: t(3, 3, 4, 8) }, { ...conv, dataFormat: 'NCHW' });
      const filterShape = { filterShape: [3, 3, 4, 8] };
      runKernel('Conv2DBackpropFilter', { x: t(2, 9, 9, 4), dy: t(2, 9, 9, 8) }, { ...conv, ...filterShape });
      const inputShape = { inputShape: [2, 9, 9, 4] };
      runKernel('Conv2DBackpropInput', { dy: t(2, 9, 9, 8), filter: t(3, 3, 4, 8) }, { ...conv, ...inputShape });
      const depthwise = { filterShape: [3, 3, 4, 2] };
      runKernel(
        'DepthwiseConv2dNativeBackpropFilter',
        { x: t(2, 9, 9, 4), dy: t(2, 9, 9, 8) },
        { ...conv, ...depthwise },
      );
      const dw = { dy: t(2, 9, 9, 8), filter: t(3, 3, 4, 2) };
      runKernel('DepthwiseConv2dNativeBackpropInput', dw, { ...conv, ...inputShape });
      const pool = { filterSize: 3, strides: 2, pad: 'valid' };
      runKernel('MaxPoolGrad', { dy: t(2, 4, 4, 4), input: t(2, 9, 9, 4) }, pool);
      runKernel('AvgPoolGrad', { dy: t(2, 4, 4, 4), input: t(2, 9, 9, 4) }, pool);
      const ids = (): tf.Tensor => tf.tensor1d([0, 2, 1], 'int32');
      runKernel('UnsortedSegmentSum', { x: t(3, 50), segmentIds: ids() }, { numSegments: 4 });
      runKernel('GatherV2', { x: t(3, 50), indices: ids() }, { axis: 0 });
      runKernel('Sum', { x: t(30, 50) }, { axis: [0], keepDims: false });
      runKernel('Identity', { x: t(30) });
      runKernel('Einsum', { 0: t(2, 3, 4, 5), 1: t(2, 3, 4, 5) }, { equation: 'nthd,nqhd->nhtq' });
    };
    round();
    const measure = (): number[] => [
      tf.memory().numTensors,
      backend().numDataIds(),
      backend().wasm.HEAPU8.byteLength,
      // What is free lies where it lay: a leak of a few bytes a call would move it on.
      backend().wasm._malloc(1_000_000),
    ];
    const first = measure();
    backend().wasm._free(first[3]!);
    for (let i = 0; i < 200; i++) round();
    const last = measure();
    backend().wasm._free(last[3]!);
    expect(last).to.deep.equal(first);
  });
});
