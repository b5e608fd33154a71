import type { ModelSpec } from '../tasks/model.ts';
import { plainSgd, type Engine } from './engine.ts';
import { selfTestCases, selfTestWeights, type SelfTestCase } from './self-test-cases.ts';

const tolerance = 1e-4;
const isClose = (value: number, expected: number): boolean => Math.abs(value - expected) <= tolerance; // not for NaN

/**
 * Loss, gradients and one training step of tiny models, against stored numbers: some drivers and browsers compute wrongly
 * in silence.
 * @param make - an engine for a model; disposed of after use
 * @returns why such engines are not to be used, or null when they are right
 */
export async function selfTest(make: (model: ModelSpec) => Engine | Promise<Engine>): Promise<string | null> {
  for (const one of selfTestCases) {
    const engine = await make(one.model);
    try {
      const fault = await faultOf(engine, one);
      if (fault !== null) return `its self-test gave ${fault}`;
    } finally {
      engine.dispose();
    }
  }
  return null;
}

async function faultOf(engine: Engine, { batch, loss, gradients }: SelfTestCase): Promise<string | null> {
  const weights = selfTestWeights(gradients.length);
  engine.setWeights(weights);
  const found = await engine.gradients(batch);
  if (!isClose(found.loss, loss)) return `the loss ${found.loss}, not ${loss}`;
  const wrong = gradients.findIndex((expected, i) => !isClose(found.gradients[i]!, expected));
  if (wrong >= 0) return `${found.gradients[wrong]} for gradient ${wrong}, not ${gradients[wrong]}`;
  engine.setRule(plainSgd);
  engine.step(batch, 1);
  const moved = await engine.getWeights();
  const astray = gradients.findIndex((expected, i) => !isClose(weights[i]! - moved[i]!, expected));
  if (astray >= 0)
    return `${moved[astray]} for weight ${astray} after a step, not ${weights[astray]! - gradients[astray]!}`;
  const taken = await engine.takeLoss();
  return isClose(taken, loss) ? null : `the loss ${taken} of a step, not ${loss}`;
}
