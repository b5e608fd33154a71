import { expect } from 'chai';
import { algorithmOf } from '../../../client/algorithms/table.ts';
import { fedAvg } from '../../../server/strategies/fedavg.ts';
import { fedDyn } from '../../../server/strategies/feddyn.ts';
import { fedNova } from '../../../server/strategies/fednova.ts';
import { qFedAvg } from '../../../server/strategies/qfedavg.ts';
import { scaffold } from '../../../server/strategies/scaffold.ts';
import type { AlgorithmSpec } from '../../../shared/tasks/algorithm.ts';
import { headSpans, normalisationSpans, spansOf, statisticSpans } from '../../../shared/tasks/spans.ts';
import { checkModel } from '../../../shared/tasks/model.ts';
import { accumulatedSteps } from '../../../shared/tasks/steps.ts';
import { checkTask } from '../../../shared/tasks/task.ts';
import { afterRound } from '../../helpers/reports.ts';
import { federate, quadraticTask, runClient, type Quadratic } from '../../helpers/quadratic.ts';

// Two clients that pull in different directions, one four times as hard: F_1 = 1/2 (w - 0)², F_2 = 4/2 (w - 1)².
// The optimum of F_1 + F_2 is (1 * 0 + 4 * 1) / (1 + 4) = 0.8.
const pair: Quadratic[] = [
  { a: 1, b: [0] },
  { a: 4, b: [1] },
];
const optimum = 0.8;
const five = { steps: 5, rate: 0.1 };

describe('clients that drift apart', () => {
  it('keep FedAvg away from the optimum', async () => {
    // Five steps at 0.1 shrink w - b_k to (1 - 0.1 a)^5 of itself: 0.59049 and 0.07776. The fixed point of the mean is
    // sum b_k (1 - r_k) / sum (1 - r_k) = 0.92224 / (0.40951 + 0.92224) = 0.692502
    const last = (await federate(pair, quadraticTask(1, undefined, five), fedAvg(), 100)).at(-1)!;
    expect(last[0]).to.be.closeTo(0.92224 / 1.33175, 1e-6);
  });

  it('reach it with SCAFFOLD', async () => {
    const task = quadraticTask(1, { name: 'control-variates' }, five);
    const last = (await federate(pair, task, scaffold({ population: 2 }), 100)).at(-1)!;
    expect(last[0]).to.be.closeTo(optimum, 1e-5);
  });

  it('reach it with FedDyn', async () => {
    const task = quadraticTask(1, { name: 'dynamic', alpha: 1 }, { steps: 50, rate: 0.1 });
    const last = (await federate(pair, task, fedDyn({ alpha: 1, population: 2 }), 100)).at(-1)!;
    expect(last[0]).to.be.closeTo(optimum, 1e-4);
  });
});

describe('FedProx on the client', () => {
  it('ends, after many steps, where a (w - b) + mu (w - w_t) is zero', async () => {
    // a = 4, b = 1, mu = 2, w_t = -0.5: (4 * 1 + 2 * -0.5) / (4 + 2) = 0.5, so the update is 1
    const task = quadraticTask(1, { name: 'proximal', mu: 2 }, { steps: 200, rate: 0.1 });
    const { update } = await runClient(pair[1]!, task, Float32Array.of(-0.5));
    expect(update[0]).to.be.closeTo(1, 1e-6);
  });

  it('asks for nothing but plain training at mu 0', () => {
    expect(algorithmOf({ name: 'proximal', mu: 0 }).adjusts).to.equal(false);
  });
});

describe('SCAFFOLD on the client', () => {
  it('reports the change of its variate, and keeps the variate', async () => {
    // One step of 0.1 from w = 1 with a = 2, b = 0, c = 0.5, c_k = 0.25: y = 1 - 0.1 (2 - 0.25 + 0.5) = 0.775.
    // c_k+ = c_k - c + (w - y) / (1 * 0.1) = 0.25 - 0.5 + 2.25 = 2, the gradient at w; its change is 1.75. All times 0.1.
    const task = quadraticTask(1, { name: 'control-variates' });
    const own = Float32Array.of(0.025);
    const { update, own: kept } = await runClient({ a: 2, b: [0] }, task, Float32Array.of(1), {
      own,
      control: Float32Array.of(0.05),
    });
    expect(update[0]).to.be.closeTo(-0.225, 1e-6);
    expect(update[1]).to.be.closeTo(0.175, 1e-6);
    expect(kept![0]).to.be.closeTo(0.2, 1e-6);
    expect([...own]).to.deep.equal([Math.fround(0.025)]);
  });
});

describe('FedNova', () => {
  // A slope that is the same everywhere, nearly: gradients -1 and 1 far from each optimum. Clients with 1 and 3 examples take
  // steps by their data: batches of 1 example, 2 epochs: 2 and 6 steps.
  it('goes along the mean gradient however many steps each client takes, where FedAvg does not', async () => {
    const far = 1e6;
    const clients: Quadratic[] = [
      { a: 1 / far, b: [far], examples: 1 }, // gradient -1
      { a: 1 / far, b: [-far], examples: 3 }, // gradient +1
    ];
    const base = quadraticTask(1, { name: 'normalised' }, { steps: 2, rate: 0.1 });
    const task = checkTask({ ...base, training: { ...base.training, batchSize: 1 } });
    const reports = await Promise.all(
      clients.map((client) => {
        // The quadratic trainer takes one step an epoch; batches of one take as many as there are examples.
        const steps = 2 * client.examples!;
        return algorithmOf(task.training.algorithm).run({
          task,
          round: 1,
          weights: new Float32Array(1),
          control: null,
          own: null,
          train: async () => ({
            delta: Float32Array.of(-0.1 * steps * Math.sign(-client.b[0]!)),
            examples: client.examples!,
            metrics: {},
          }),
        });
      }),
    );
    expect(reports.map(({ metrics }) => metrics['local-steps'])).to.deep.equal([2, 6]);
    // Mean gradient (1 * -1 + 3 * 1) / 4 = 0.5; tau_eff = (1 * 2 + 3 * 6) / 4 = 5; w = -0.1 * 5 * 0.5 = -0.25.
    // FedAvg: -0.1 (1 * 2 * -1 + 3 * 6 * 1) / 4 = -0.4.
    const asReports = reports.map(({ update, ...rest }) => ({ update: [...update], ...rest }));
    const { weights } = await afterRound(fedNova(), { weights: [0] }, asReports);
    expect(weights[0]).to.be.closeTo(-0.25, 1e-7);
  });

  it('counts how often momentum uses each gradient', () => {
    // m = 0.5, 3 steps. Polyak: 1 + 0.5 + 0.25, 1 + 0.5, 1 = 4.25. Nesterov: 1 + 0.5 times each of these = 3 + 2.125
    expect(accumulatedSteps({ name: 'momentum', momentum: 0.5 }, 3)).to.equal(4.25);
    expect(accumulatedSteps({ name: 'nesterov', momentum: 0.5 }, 3)).to.equal(5.125);
    // With m near 1 each of 10 steps uses all gradients before it: 10 + 9 + ... + 1
    expect(accumulatedSteps({ name: 'momentum', momentum: 1 - 1e-9 }, 10)).to.be.closeTo(55, 1e-6);
    expect(accumulatedSteps({ name: 'sgd' }, 3)).to.equal(3);
    expect(accumulatedSteps({ name: 'rmsprop', decay: 0.9, epsilon: 1e-7 }, 3)).to.equal(null);
  });
});

describe('q-FedAvg', () => {
  it('weighs by powers of the loss', async () => {
    // q = 1, rate 0.5 (L = 2), w = 0, one step. Client 1: F = 4/2 * 1 = 2, delta = 0.5 * 4 = 2, h / L = 2 * 2² + 2 = 10.
    // Client 2: F = 1/2 * 1 = 0.5, delta = -0.5, h / L = 2 * 0.5² + 0.5 = 1. w = (2 * 2 + 0.5 * -0.5) / (10 + 1) = 3.75 / 11
    const clients: Quadratic[] = [
      { a: 4, b: [1] },
      { a: 1, b: [-1] },
    ];
    const task = quadraticTask(1, { name: 'fair', q: 1 }, { steps: 1, rate: 0.5 });
    const [weights] = await federate(clients, task, qFedAvg(), 1);
    expect(weights![0]).to.be.closeTo(3.75 / 11, 1e-6);
  });
});

describe('where the client part makes no difference', () => {
  const clients: Quadratic[] = [
    { a: 1, b: [0, 2, -1], examples: 3 },
    { a: 4, b: [1, 1, 5], examples: 1 },
    { a: 2, b: [-3, 0, 0.5], examples: 2 },
  ];
  const start = [0.3, -0.7, 1.1];
  const same = async (spec: AlgorithmSpec, strategy: Parameters<typeof federate>[2], rounds: number, steps = 5) => {
    const options = { steps, rate: 0.1 };
    const expected = await federate(clients, quadraticTask(3, undefined, options), fedAvg(), rounds, { from: start });
    const found = await federate(clients, quadraticTask(3, spec, options), strategy, rounds, { from: start });
    return [expected.at(-1)!, found.at(-1)!] as const;
  };
  const near = ([expected, found]: readonly [Float32Array, Float32Array]): void => {
    for (const [i, value] of expected.entries()) expect(found[i]).to.be.closeTo(value, 1e-5);
  };

  for (const [title, spec, strategy, rounds] of [
    ['FedProx is FedAvg at mu 0', { name: 'proximal', mu: 0 }, fedAvg(), 3],
    ['FedDyn is FedAvg at alpha 0', { name: 'dynamic', alpha: 0 }, fedDyn({ alpha: 0, population: 3 }), 3],
    ['q-FedAvg is FedAvg at q 0', { name: 'fair', q: 0 }, qFedAvg(), 3],
    ['SCAFFOLD is FedAvg in its first round', { name: 'control-variates' }, scaffold({ population: 3 }), 1],
    ['Ditto has the global model of FedAvg', { name: 'personal-model', lambda: 0.5 }, fedAvg(), 3],
  ] as const) {
    it(`${title}, to the byte`, async () => {
      const [expected, found] = await same(spec, strategy, rounds);
      expect([...found]).to.deep.equal([...expected]);
    });
  }

  it('FedNova is FedAvg when all take the same number of steps', async () => {
    near(await same({ name: 'normalised' }, fedNova(), 3));
  });

  it('SCAFFOLD is FedAvg when all clients take part with one step', async () => {
    near(await same({ name: 'control-variates' }, scaffold({ population: 3 }), 5, 1));
  });
});

describe('what stays on the device', () => {
  const model = checkModel({
    input: [3],
    layers: [
      { type: 'dense', units: 2 },
      { type: 'batchNormalization' },
      { type: 'residual', layers: [{ type: 'layerNormalization' }, { type: 'dense', units: 2, useBias: false }] },
      { type: 'dense', units: 1 },
    ],
    loss: 'mean-squared-error',
  });
  // 1-dense: kernel 6, bias 2 (0-8). 2-batchNormalization: gamma, beta, mean, variance (8-16).
  // 3-residual: layerNormalization gamma, beta (16-20), dense 4 (20-24). 4-dense: kernel 2, bias 1 (24-27).
  it('is found by the layers of the model', () => {
    expect(statisticSpans(model)).to.deep.equal([{ start: 12, end: 16 }]);
    expect(normalisationSpans(model)).to.deep.equal([{ start: 8, end: 20 }]);
    expect(headSpans(model, 1)).to.deep.equal([{ start: 24, end: 27 }]);
    expect(headSpans(model, 2)).to.deep.equal([{ start: 16, end: 27 }]);
    expect(spansOf(model, () => true)).to.deep.equal([{ start: 0, end: 27 }]);
  });

  const task = (algorithm: AlgorithmSpec) =>
    checkTask({ ...quadraticTask(3, algorithm, { steps: 1, rate: 0.5 }), model });
  const client: Quadratic = { a: 1, b: Array.from({ length: 27 }, () => 1) }; // a step of 0.5 goes half of the way to 1
  const zeros = new Float32Array(27);

  it('FedPer: the head is trained, kept and not reported', async () => {
    const first = await runClient(client, task({ name: 'personal-head', layers: 1 }), zeros);
    expect([...first.update]).to.deep.equal(Array.from(zeros.map((_, i) => (i < 24 ? 0.5 : 0))));
    expect([...first.own!]).to.deep.equal([0.5, 0.5, 0.5]);
    const second = await runClient(client, task({ name: 'personal-head', layers: 1 }), zeros, { own: first.own });
    expect([...second.own!]).to.deep.equal([0.75, 0.75, 0.75]);
  });

  it('FedRep: the head goes first, alone, for its own number of epochs', async () => {
    const spec = { name: 'personal-head', layers: 1, headEpochs: 2 } as const;
    const { update, own } = await runClient(client, task(spec), zeros);
    expect([...own!]).to.deep.equal([0.75, 0.75, 0.75]); // two steps
    expect([...update]).to.deep.equal(Array.from(zeros.map((_, i) => (i < 24 ? 0.5 : 0)))); // one
  });

  it('FedBN: normalisation layers, with their statistics', async () => {
    const spec = { name: 'personal-normalisation' } as const;
    const { update, own } = await runClient(client, task(spec), zeros);
    expect([...update]).to.deep.equal(Array.from(zeros.map((_, i) => (i < 8 || i >= 20 ? 0.5 : 0))));
    expect(own).to.have.length(12);
    const personal = algorithmOf(spec).personal!(task(spec), zeros, own);
    expect([...personal]).to.deep.equal(Array.from(zeros.map((_, i) => (i < 8 || i >= 20 ? 0 : 0.5))));
  });

  it('Ditto: a model of its own, drawn to the global one', async () => {
    // From v = w_t = 0 at 1: 0.5. From v = 0.5 with w_t = 0, lambda 0.5: 0.5 - 0.5 (0.5 - 1 + 0.5 * 0.5) = 0.625
    const spec = { name: 'personal-model', lambda: 0.5 } as const;
    const first = await runClient(client, task(spec), zeros);
    expect(first.own![0]).to.equal(0.5);
    const second = await runClient(client, task(spec), zeros, { own: first.own });
    expect(second.own![0]).to.equal(0.625);
    expect(second.update[0]).to.equal(0.5);
  });
});
