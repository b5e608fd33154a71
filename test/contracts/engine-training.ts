import { expect } from 'chai';
import type { Engine, Examples } from '../../shared/engine/engine.ts';
import type { LayerSpec } from '../../shared/tasks/layers.ts';
import { losses, type ModelSpec } from '../../shared/tasks/model.ts';
import { sizeOf } from '../../shared/weights.ts';
import type { ModelCase } from '../helpers/reference/case.ts';

/** What the suites for engines share. */

/** A copy of the examples from `from` to `to` (exclusive). */
export const partOf = (model: ModelSpec, { xs, ys, count }: Examples, from: number, to: number): Examples => {
  const features = sizeOf(model.input);
  const targets = ys.length / count;
  return {
    xs: xs.slice(from * features, to * features),
    ys: ys.slice(from * targets, to * targets),
    count: to - from,
  };
};
const flattened = (layers: readonly LayerSpec[]): LayerSpec[] =>
  layers.flatMap((layer) => (layer.type === 'residual' ? [layer, ...layer.layers] : [layer]));
export const hasDropout = ({ layers }: ModelSpec): boolean => flattened(layers).some(({ type }) => type === 'dropout');
const bytesOf = (values: Float32Array): Buffer => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
export const expectSame = (actual: Float32Array, expected: Float32Array, what = 'bytes'): void => {
  expect(bytesOf(actual).equals(bytesOf(expected)), what).to.equal(true);
};

/** A step on a part of the batch or on all of it, with dropout that differs from step to step. */
export function trainOnce(engine: Engine, { model, batch }: ModelCase, step: number): void {
  engine.step(step % 2 === 1 ? batch : partOf(model, batch, 0, 2), 0.05, 10 + step);
}

/** Four such steps. */
export function train(engine: Engine, one: ModelCase): void {
  for (let i = 0; i < 4; i++) trainOnce(engine, one, i);
}

/** Examples of the right lengths with values that no model of this kind can take. */
export function badValues({ model, batch: { xs, ys, count } }: ModelCase): Examples[] {
  const bad: Examples[] = [];
  const changed = <Values extends Float32Array | Int32Array>(values: Values, value: number): Values => {
    const copy = values.slice() as Values;
    copy[copy.length - 1] = value;
    return copy;
  };
  const first = model.layers[0]!;
  if (first.type === 'embedding') {
    for (const value of [-1, first.inputDim, 0.5]) bad.push({ xs: changed(xs, value), ys, count });
  }
  if (losses[model.loss].reads === 'labels') {
    const classes = flattened(model.layers).findLast((layer) => 'units' in layer)!;
    for (const label of [-1, classes.units]) bad.push({ xs, ys: changed(ys, label), count });
  }
  return bad;
}
