import type { AlgorithmSpec } from '../../shared/tasks/algorithm.ts';
import type { Algorithm } from './algorithm.ts';
import { controlVariates } from './control-variates.ts';
import { dynamic } from './dynamic.ts';
import { fair } from './fair.ts';
import { normalised } from './normalised.ts';
import { personalHead, personalNormalisation } from './personal-layers.ts';
import { personalModel } from './personal-model.ts';
import { proximal } from './proximal.ts';

/** Plain local training. */
const plain: Algorithm = {
  adjusts: false,
  async run({ train }) {
    const { delta, examples, metrics } = await train();
    return { update: delta, examples, metrics, own: null };
  },
};

/** The client's part that a training plan names. */
export function algorithmOf(spec: AlgorithmSpec | undefined): Algorithm {
  switch (spec?.name) {
    case undefined:
      return plain;
    case 'proximal':
      return proximal(spec);
    case 'control-variates':
      return controlVariates();
    case 'dynamic':
      return dynamic(spec);
    case 'normalised':
      return normalised();
    case 'fair':
      return fair(spec);
    case 'personal-normalisation':
      return personalNormalisation();
    case 'personal-head':
      return personalHead(spec);
    case 'personal-model':
      return personalModel(spec);
    default:
      return spec satisfies never;
  }
}
