import { expect } from 'chai';
import { fedAvg } from '../../../server/strategies/fedavg.ts';
import { fedAvgM } from '../../../server/strategies/fedavgm.ts';
import { fedDyn } from '../../../server/strategies/feddyn.ts';
import { fedNova } from '../../../server/strategies/fednova.ts';
import { fedAdagrad, fedAdam, fedYogi } from '../../../server/strategies/fedopt.ts';
import { qFedAvg } from '../../../server/strategies/qfedavg.ts';
import { scaffold } from '../../../server/strategies/scaffold.ts';
import { describeStrategy } from '../../contracts/strategy.ts';
import { afterRound, weightsAfter } from '../../helpers/reports.ts';

/** So large that sqrt(v) + tau is tau in float64. */
const huge = { serverLearningRate: 2 ** 60, tau: 2 ** 60, beta1: 0 };

describeStrategy('FedAvg', fedAvg, { setting: 'by itself', strategy: fedAvg() });
describeStrategy('FedAvgM', fedAvgM, { setting: 'at serverMomentum 0', strategy: fedAvgM({ serverMomentum: 0 }) });
describeStrategy('FedAdagrad', fedAdagrad, { setting: 'at beta1 0 and eta = tau, large', strategy: fedAdagrad(huge) });
describeStrategy('FedAdam', fedAdam, { setting: 'at beta1 0 and eta = tau, large', strategy: fedAdam(huge) });
describeStrategy('FedYogi', fedYogi, { setting: 'at beta1 0 and eta = tau, large', strategy: fedYogi(huge) });
describeStrategy('norm bounding', () => fedAvg({ clippingNorm: 0.5 }), {
  setting: 'when no update is longer than the bound',
  strategy: fedAvg({ clippingNorm: 100 }),
});

describeStrategy('FedNova', fedNova, {
  setting: 'when all clients take four steps',
  strategy: fedNova(),
  report: ({ update, ...rest }) => ({
    ...rest,
    update: update.map((value) => value / 4),
    metrics: { 'local-steps': 4 },
  }),
});
describeStrategy('SCAFFOLD', () => scaffold({ population: 10 }), {
  setting: 'in its first round',
  strategy: scaffold({ population: 10 }),
  report: ({ update, ...rest }) => ({ ...rest, update: [...update, ...update.map((value) => -10 * value)] }),
});
describeStrategy('FedDyn', () => fedDyn({ alpha: 0.1, population: 10 }), [
  { setting: 'at alpha 0', strategy: fedDyn({ alpha: 0, population: 10 }) },
  {
    setting: 'with a population far larger than a round',
    strategy: fedDyn({ alpha: 0.1, population: 1e9 }),
    tolerance: 1e-6,
  },
]);
describeStrategy('q-FedAvg', qFedAvg, {
  setting: 'at q 0',
  strategy: qFedAvg(),
  report: (report) => ({ ...report, metrics: { 'fair-weight': 1 } }),
});

const one = (value: number): { update: number[] }[] => [{ update: [value] }];

describe('server optimisers', () => {
  it('FedAdagrad gives what its known answer says', async () => {
    // Flower's test of FedAdagrad: eta 0.1, tau 0.5, model 0.1, clients at 0.2 and 1.0.
    // g = ((0.2 - 0.1) + (1.0 - 0.1)) / 2 = 0.5; v = 0.25; 0.1 + 0.1 * 0.5 / (0.5 + 0.5) = 0.15
    const strategy = fedAdagrad({ serverLearningRate: 0.1, tau: 0.5 });
    const [weight] = await weightsAfter(strategy, [0.1], [{ update: [0.1] }, { update: [0.9] }]);
    expect(weight).to.be.closeTo(0.15, 1e-7);
  });

  it('FedAvgM adds up velocity', async () => {
    // v: 1, then 0.5 * 1 + 2 = 2.5; w: 10 + 2 * 1 = 12, then 12 + 2 * 2.5 = 17
    const strategy = fedAvgM({ serverLearningRate: 2, serverMomentum: 0.5 });
    const first = await afterRound(strategy, { weights: [10] }, one(1));
    expect([...first.weights]).to.deep.equal([12]);
    expect([...(await afterRound(strategy, first, one(2))).weights]).to.deep.equal([17]);
  });

  it('FedAdam moves by moving means of g and g²', async () => {
    // beta1 = beta2 = 0.5, eta 1, tau 0.5. Round 1, g = 2: m = 1, v = 2, w = 1 / (sqrt(2) + 0.5)
    // Round 2, g = -2: m = 0.5 - 1 = -0.5, v = 1 + 2 = 3, w += -0.5 / (sqrt(3) + 0.5)
    const strategy = fedAdam({ serverLearningRate: 1, beta1: 0.5, beta2: 0.5, tau: 0.5 });
    const first = await afterRound(strategy, { weights: [0] }, one(2));
    expect(first.weights[0]).to.be.closeTo(1 / (Math.SQRT2 + 0.5), 1e-7);
    const second = await afterRound(strategy, first, one(-2));
    expect(second.weights[0]).to.be.closeTo(1 / (Math.SQRT2 + 0.5) - 0.5 / (Math.sqrt(3) + 0.5), 1e-7);
  });

  it('FedYogi moves v towards g² by a part of g², whichever is larger', async () => {
    // beta2 = 0.5, beta1 = 0. Round 1, g = 2: v = 0 - 0.5 * 4 * sign(0 - 4) = 2. Round 2, g = 1: v = 2 - 0.5 * 1 * sign(2 - 1) = 1.5
    const strategy = fedYogi({ serverLearningRate: 1, beta1: 0, beta2: 0.5, tau: 1 });
    const first = await afterRound(strategy, { weights: [0] }, one(2));
    expect([...first.state]).to.deep.equal([2, 2]); // m, v
    const second = await afterRound(strategy, first, one(1));
    expect([...second.state]).to.deep.equal([1, 1.5]);
    expect(second.weights[0]).to.be.closeTo(2 / (Math.SQRT2 + 1) + 1 / (Math.sqrt(1.5) + 1), 1e-7);
  });

  it('leave running statistics to the mean, so that a variance stays one', async () => {
    // The mean takes the variance from 1 to 0.9, momentum would take it to 1 + 10 * (-0.1) = 0 and below.
    const strategy = fedAvgM({ serverLearningRate: 10, serverMomentum: 0 });
    const reports = [{ update: [1, -0.1] }];
    const { weights } = await afterRound(strategy, { weights: [0, 1] }, reports, {
      statistics: [{ start: 1, end: 2 }],
    });
    expect([...weights]).to.deep.equal([10, Math.fround(0.9)]);
  });
});

describe('q-FedAvg', () => {
  it('says so where its reports are too small for a sum, instead of standing still', async () => {
    const reports = [{ update: [1e-30], metrics: { 'fair-weight': 1e-30 } }];
    const failure = await afterRound(qFedAvg(), { weights: [0] }, reports).then(String, String);
    expect(failure).to.match(/qfedavg: the losses to the power of q are too small .*lower q/);
  });
});

describe('strategies with more than one sum', () => {
  it('SCAFFOLD moves c by the part of the population that reported', async () => {
    // Two of four clients, weights 1 and 3: w = (1 * 1 + 3 * 5) / 4 = 4; c = 2/4 * (1 * 2 + 3 * 6) / 4 = 2.5
    const reports = [
      { update: [1, 2], examples: 1 },
      { update: [5, 6], examples: 3 },
    ];
    const { weights, state } = await afterRound(scaffold({ population: 4 }), { weights: [0] }, reports);
    expect([[...weights], [...state]]).to.deep.equal([[4], [2.5]]);
  });

  it('FedDyn goes on by what it has gathered', async () => {
    // alpha = 2, both of two clients, mean delta 3. Round 1: h / alpha = -3, w = 0 + 3 + 3 = 6.
    // Round 2, mean delta -1: h / alpha = -3 + 1 = -2, w = 6 - 1 + 2 = 7
    const strategy = fedDyn({ alpha: 2, population: 2 });
    const first = await afterRound(strategy, { weights: [0] }, [{ update: [2] }, { update: [4] }]);
    expect([...first.weights]).to.deep.equal([6]);
    const second = await afterRound(strategy, first, [{ update: [-1] }, { update: [-1] }]);
    expect([...second.weights]).to.deep.equal([7]);
  });
});

describe('norm bounding', () => {
  it('scales a longer update down, and leaves a shorter one', async () => {
    // |(3, 4)| = 5 is scaled by 1/5 to (0.6, 0.8); |(0.6, 0)| stays; the mean is (0.6, 0.4)
    const reports = [{ update: [3, 4] }, { update: [0.6, 0] }];
    const [x, y] = await weightsAfter(fedAvg({ clippingNorm: 1 }), [0, 0], reports);
    expect(x).to.be.closeTo(0.6, 1e-7);
    expect(y).to.be.closeTo(0.4, 1e-7);
  });
});
