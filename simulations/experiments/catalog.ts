import { FederatedError } from '../../shared/errors.ts';
import { activityByPerson } from './catalog/activity-by-person.ts';
import { airByStation } from './catalog/air-by-station.ts';
import { backdoorRules } from './catalog/backdoor.ts';
import { digitsByWriter } from './catalog/digits-by-writer.ts';
import { fedOpt } from './catalog/fedopt.ts';
import { fedProxStragglers } from './catalog/fedprox-stragglers.ts';
import { fluteLogistic } from './catalog/flute-logistic.ts';
import { heartByHospital } from './catalog/heart-by-hospital.ts';
import { incomeFairness } from './catalog/income-fairness.ts';
import { mcmahan2nn } from './catalog/mcmahan-2nn.ts';
import { mcmahanCnn } from './catalog/mcmahan-cnn.ts';
import { mcmahanShakespeare } from './catalog/mcmahan-shakespeare.ts';
import { robustRules } from './catalog/robust-rules.ts';
import { scaffoldDrift } from './catalog/scaffold-drift.ts';
import { shakespeareGru } from './catalog/shakespeare-gru.ts';
import type { Experiment } from './experiment.ts';

/** Every experiment, in the order in which they are listed. */
export const experiments: readonly Experiment[] = [
  mcmahan2nn,
  mcmahanCnn,
  mcmahanShakespeare,
  shakespeareGru,
  fluteLogistic,
  fedProxStragglers,
  fedOpt,
  scaffoldDrift,
  robustRules,
  backdoorRules,
  digitsByWriter,
  heartByHospital,
  activityByPerson,
  airByStation,
  incomeFairness,
];

/** @throws FederatedError NOT_FOUND naming those that there are */
export function experimentByName(name: string): Experiment {
  const found = experiments.find((each) => each.name === name);
  if (found !== undefined) return found;
  const known = experiments.map((each) => each.name).join(', ');
  throw new FederatedError('NOT_FOUND', `experiment: no ${JSON.stringify(name)}; known are ${known}`);
}
