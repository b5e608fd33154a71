import type { ModelSpec } from '../tasks/model.ts';
import type { Engine, Examples } from './engine.ts';

/** A dense 3-4-3 network with one hidden layer of ReLU: small, and with everything that a training step needs. */
export const selfTestModel: ModelSpec = {
  input: [3],
  layers: [
    { type: 'dense', units: 4, activation: 'relu', useBias: true },
    { type: 'dense', units: 3, activation: 'softmax', useBias: true },
  ],
  loss: 'sparse-categorical-crossentropy',
};

const weights = Float32Array.from({ length: 31 }, (_, i) => (((i * 7) % 11) - 5) / 10);
const batch: Examples = { xs: Float32Array.of(0.5, -1, 2, 1.5, 0.25, -0.75), ys: Int32Array.of(2, 0), count: 2 };

// From a float64 computation in plain Python: the loss, and its central differences with step 1e-6.
const expectedLoss = 1.0567695;
const expectedGradient = [
  [0, 0.01543, 0.18737, -0.158714, 0, -0.03086, 0.031228, -0.026452, 0, 0.06172, -0.093685, 0.079357],
  [0, 0.03086, 0.124914, -0.10581],
  [0, 0, 0, 0.145734, 0.171021, -0.316755, -0.078656, 0.058115, 0.020541, -0.256942, 0.189841, 0.0671],
  [-0.02758, 0.368749, -0.341168],
].flat();
const tolerance = 1e-4;

/**
 * One training step with learning rate 1, against stored numbers: some drivers and browsers compute wrongly in silence.
 * @param engine - with `selfTestModel`; its weights are changed
 * @returns why the engine is not to be used, or null when it is right
 */
export function selfTest(engine: Engine): string | null {
  engine.setWeights(weights);
  const loss = engine.step(batch, 1);
  if (!(Math.abs(loss - expectedLoss) <= tolerance)) return `its self-test gave the loss ${loss}, not ${expectedLoss}`;
  const after = engine.getWeights();
  const wrong = expectedGradient.findIndex(
    (expected, i) => !(Math.abs(weights[i]! - after[i]! - expected) <= tolerance),
  );
  if (wrong < 0) return null;
  return `its self-test gave ${weights[wrong]! - after[wrong]!} for gradient ${wrong}, not ${expectedGradient[wrong]}`;
}
