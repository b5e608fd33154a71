import { expect } from 'chai';
import type { UpdateRule } from '../../../../shared/engine/engine.ts';
import { FusedEngine } from '../../../../shared/engine/fused/fused-engine.ts';
import { checkModel } from '../../../../shared/tasks/model.ts';
import type { OptimizerSpec } from '../../../../shared/tasks/optimizer.ts';

// One example x with target t, y = x·w + b, loss (y - t)²: the gradient is 2 (y - t) (x, 1).
const model = checkModel({ input: [5], layers: [{ type: 'dense', units: 1 }], loss: 'mean-squared-error' });
const x = [0.5, -1, 2, 0.25, 1];
const target = 3;
const start = [0.3, -0.2, 0.1, 0.4, -0.5, 0.2];
const rate = 0.02;
const steps = 25;

/** The rule in float64, as its paper writes it; state by weight. */
type Move = (w: number, g: number, state: number[], t: number, isKernel: boolean) => number;

const adamMove = (w: number, g: number, state: number[], t: number): number => {
  state[0] = 0.9 * (state[0] ?? 0) + 0.1 * g;
  state[1] = 0.999 * (state[1] ?? 0) + 0.001 * g * g;
  return w - (rate * (state[0] / (1 - 0.9 ** t))) / (Math.sqrt(state[1] / (1 - 0.999 ** t)) + 1e-8);
};
const cases: readonly { readonly optimizer: OptimizerSpec; readonly move: Move }[] = [
  { optimizer: { name: 'sgd' }, move: (w, g) => w - rate * g },
  {
    optimizer: { name: 'momentum', momentum: 0.9 },
    move: (w, g, state) => w - rate * (state[0] = 0.9 * (state[0] ?? 0) + g),
  },
  {
    optimizer: { name: 'nesterov', momentum: 0.9 },
    move: (w, g, state) => w - rate * (g + 0.9 * (state[0] = 0.9 * (state[0] ?? 0) + g)),
  },
  { optimizer: { name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }, move: adamMove },
  {
    optimizer: { name: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 },
    move: (w, g, state, t, isKernel) => adamMove(w, g, state, t) - (isKernel ? rate * 0.1 * w : 0),
  },
  {
    optimizer: { name: 'rmsprop', decay: 0.9, epsilon: 1e-7 },
    move: (w, g, state) => w - (rate * g) / (Math.sqrt((state[0] = 0.9 * (state[0] ?? 0) + 0.1 * g * g)) + 1e-7),
  },
  {
    optimizer: { name: 'adagrad', initialAccumulator: 0.1, epsilon: 1e-7 },
    move: (w, g, state) => w - (rate * g) / (Math.sqrt((state[0] = (state[0] ?? 0.1) + g * g)) + 1e-7),
  },
];

/** The weights after `steps` steps in float64. */
function expected(move: Move, { l2 = 0, gradientClipValue, gradientClipNorm }: Partial<UpdateRule>): number[] {
  const w = [...start];
  const states = w.map((): number[] => []);
  for (let t = 1; t <= steps; t++) {
    const y = x.reduce((sum, value, i) => sum + value * w[i]!, w[5]!);
    let g = [...x, 1].map((value, i) => 2 * (y - target) * value + (i < 5 ? 2 * l2 * w[i]! : 0));
    if (gradientClipValue !== undefined) {
      g = g.map((value) => Math.min(Math.max(value, -gradientClipValue), gradientClipValue));
    }
    if (gradientClipNorm !== undefined) {
      const norm = Math.hypot(...g);
      if (norm > gradientClipNorm) g = g.map((value) => (value * gradientClipNorm) / norm);
    }
    for (const [i, slope] of g.entries()) w[i] = move(w[i]!, slope, states[i]!, t, i < 5);
  }
  return w;
}

async function trained(rule: UpdateRule): Promise<Float32Array> {
  const engine = await FusedEngine.create(model);
  engine.setWeights(Float32Array.from(start));
  engine.setRule(rule);
  const batch = { xs: Float32Array.from(x), ys: Float32Array.of(target), count: 1 };
  for (let t = 0; t < steps; t++) engine.step(batch, rate);
  return engine.getWeights();
}

describe('the optimizers of the fused path', () => {
  const extras: readonly Partial<UpdateRule>[] = [
    {},
    { l2: 0.05 },
    { gradientClipValue: 0.3 },
    { gradientClipNorm: 0.5 },
    { l2: 0.05, gradientClipValue: 1, gradientClipNorm: 0.8 },
  ];
  for (const { optimizer, move } of cases) {
    for (const extra of extras) {
      const name = [optimizer.name, ...Object.entries(extra).map(([key, value]) => `${key} ${Number(value)}`)].join(
        ', ',
      );
      it(`${name}: goes the way of its formula in float64`, async () => {
        const weights = await trained({ optimizer, ...extra });
        for (const [i, want] of expected(move, extra).entries())
          expect(weights[i], `weight ${i}`).to.be.closeTo(want, 5e-6);
      });
    }
  }

  it('start anew with each rule that is set', async () => {
    const engine = await FusedEngine.create(model);
    const batch = { xs: Float32Array.from(x), ys: Float32Array.of(target), count: 1 };
    const firstSteps: Float32Array[] = [];
    for (let i = 0; i < 2; i++) {
      engine.setRule({ optimizer: { name: 'momentum', momentum: 0.9 } });
      engine.setWeights(Float32Array.from(start));
      for (let t = 0; t < 3; t++) engine.step(batch, rate);
      firstSteps.push(await engine.getWeights());
    }
    expect(firstSteps[0]).to.deep.equal(firstSteps[1]);
  });
});
