import type { Experiment, Statement } from '../experiment.ts';
import { twoCores } from '../machines.ts';
import { armsUnder, parameters, quickParameters, rules } from './digits-under-attack.ts';

const attacks: Readonly<Record<string, string | null>> = {
  none: null,
  'sign flip': 'sign-flip:0.2,scale=4',
  noise: 'noise:0.2,deviation=1',
  scaling: 'scaling:0.2,scale=-10',
  'label flip': 'label-flip:0.2',
  ALIE: 'alie:0.2',
  'min-max': 'min-max:0.2',
};

/** Attacks that are far from every honest update: what a robust rule is made for. */
const loud = ['sign flip', 'noise', 'scaling'];

export const robustRules: Experiment = {
  name: 'robust-rules',
  title: 'Robust rules under attack, digits',
  claim:
    'A fifth of the clients that send arbitrary updates ruin the mean. Robust rules keep nearly the accuracy without attack when what ' +
    'attackers send is far from the honest updates; attacks that hide among them (ALIE, min-max) cost the rules more.',
  source:
    'P. Blanchard et al., NeurIPS 2017 (Krum); D. Yin et al., ICML 2018 (median, trimmed mean); E. M. El Mhamdi et al., ICML 2018 (Bulyan); ' +
    'K. Pillutla et al., IEEE TSP 2022 (geometric median); S. P. Karimireddy et al., ICML 2021 (centered clipping); G. Baruch et al., NeurIPS 2019 (ALIE); ' +
    'V. Shejwalkar, A. Houmansadr, NDSS 2021 (min-max). No table of theirs has this setting',
  parameters,
  arms: armsUnder(attacks),
  measures: ['eval/accuracy'],
  expected: {},
  holds: [
    ...loud.map((attack): Statement => ({ arm: `mean / ${attack}`, measure: 'eval/accuracy', is: 'at most', than: { arm: 'mean / none', plus: -0.02 } })), // prettier-ignore
    ...Object.keys(rules)
      .filter((rule) => rule !== 'mean' && rule !== 'norm bound')
      .flatMap((rule) => loud.map((attack): Statement => ({ arm: `${rule} / ${attack}`, measure: 'eval/accuracy', is: 'at least', than: { arm: `${rule} / none`, plus: -0.02 } }))), // prettier-ignore
  ],
  seeds: [1, 2, 3],
  figure: { kind: 'matrix' },
  quick: {
    parameters: quickParameters,
    arms: ['mean / none', 'mean / sign flip', 'Krum / none', 'Krum / sign flip'],
  },
  numbers: {
    full: {
      machine: twoCores,
      seeds: [1, 2, 3],
      medians: {
        'mean / none': [0.8768],
        'mean / sign flip': [0.1777],
        'mean / noise': [0.6169],
        'mean / scaling': [0.101],
        'mean / label flip': [0.8427],
        'mean / ALIE': [0.8766],
        'mean / min-max': [0.8747],
        'norm bound / none': [0.8758],
        'norm bound / sign flip': [0.8476],
        'norm bound / noise': [0.8712],
        'norm bound / scaling': [0.8476],
        'norm bound / label flip': [0.862],
        'norm bound / ALIE': [0.876],
        'norm bound / min-max': [0.8739],
        'median / none': [0.8753],
        'median / sign flip': [0.8711],
        'median / noise': [0.8761],
        'median / scaling': [0.8709],
        'median / label flip': [0.8744],
        'median / ALIE': [0.8757],
        'median / min-max': [0.8737],
        'trimmed mean / none': [0.8759],
        'trimmed mean / sign flip': [0.8683],
        'trimmed mean / noise': [0.8769],
        'trimmed mean / scaling': [0.8673],
        'trimmed mean / label flip': [0.8726],
        'trimmed mean / ALIE': [0.8745],
        'trimmed mean / min-max': [0.8741],
        'Krum / none': [0.8382],
        'Krum / sign flip': [0.8428],
        'Krum / noise': [0.8428],
        'Krum / scaling': [0.8428],
        'Krum / label flip': [0.8428],
        'Krum / ALIE': [0.866],
        'Krum / min-max': [0.8496],
        'multi-Krum / none': [0.8756],
        'multi-Krum / sign flip': [0.8772],
        'multi-Krum / noise': [0.8772],
        'multi-Krum / scaling': [0.8772],
        'multi-Krum / label flip': [0.8772],
        'multi-Krum / ALIE': [0.876],
        'multi-Krum / min-max': [0.8748],
        'Bulyan / none': [0.8743],
        'Bulyan / sign flip': [0.8754],
        'Bulyan / noise': [0.8754],
        'Bulyan / scaling': [0.8754],
        'Bulyan / label flip': [0.8756],
        'Bulyan / ALIE': [0.8717],
        'Bulyan / min-max': [0.8723],
        'geometric median / none': [0.877],
        'geometric median / sign flip': [0.8706],
        'geometric median / noise': [0.8772],
        'geometric median / scaling': [0.871],
        'geometric median / label flip': [0.8749],
        'geometric median / ALIE': [0.8746],
        'geometric median / min-max': [0.8749],
        'centered clipping / none': [0.8768],
        'centered clipping / sign flip': [0.8534],
        'centered clipping / noise': [0.8772],
        'centered clipping / scaling': [0.8532],
        'centered clipping / label flip': [0.8673],
        'centered clipping / ALIE': [0.8766],
        'centered clipping / min-max': [0.8747],
      },
    },
    quick: {
      machine: twoCores,
      seeds: [1],
      medians: {
        'mean / none': [0.336],
        'mean / sign flip': [0.172],
        'Krum / none': [0.332],
        'Krum / sign flip': [0.332],
      },
    },
  },
  takes: '15 minutes on two busy cores',
  notes: [
    'What does not hold here: ALIE and min-max cost less than a point, with clients that are alike and a convex model; the papers that found them strong have deeper models and more rounds. And centered clipping, at a radius of 0.5, loses 2.4 points where attackers push against the mean, more than the two that are allowed.',
    'The norm bound is a weaker promise than a robust rule: it lost three points to the loud attacks.',
    'The clients are alike (IID). Where they are not, honest updates lie apart too, and rules that pick one of them lose more.',
    'A backdoor is not in the table: it leaves the accuracy as it is, so this measure does not see it. The experiment backdoor measures its success.',
  ],
};
