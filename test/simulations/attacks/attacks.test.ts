import { expect } from 'chai';
import fc from 'fast-check';
import { alie, alieDistance } from '../../../simulations/attacks/alie.ts';
import type { Attack, AttackContext } from '../../../simulations/attacks/attack.ts';
import { backdoor, stamp } from '../../../simulations/attacks/backdoor.ts';
import { labelFlip } from '../../../simulations/attacks/label-flip.ts';
import { minMax } from '../../../simulations/attacks/min-max.ts';
import { noise } from '../../../simulations/attacks/noise.ts';
import { normalProbability, normalQuantile } from '../../../simulations/attacks/normal-quantile.ts';
import { attackersOf, attackNames, attackOf, parseAttack } from '../../../simulations/attacks/parse.ts';
import { scaling } from '../../../simulations/attacks/scaling.ts';
import { signFlip } from '../../../simulations/attacks/sign-flip.ts';
import { simulate } from '../../../simulations/simulate.ts';
import { seeded } from '../../../shared/random.ts';
import { taskByName } from '../../../shared/tasks/catalog.ts';
import { checkTask } from '../../../shared/tasks/task.ts';
import type { LoadedData } from '../../../simulations/datasets/loaded.ts';
import { clouds, cloudSimulation, cloudTask } from '../../helpers/small-federation.ts';

const around = (coalition: readonly (readonly number[])[], changes: Partial<AttackContext> = {}): AttackContext => ({
  random: seeded('attack', 1),
  coalition: coalition.map((update) => Float32Array.from(update)),
  reports: 10,
  attackers: 2,
  ...changes,
});
const sent = (attack: Attack, update: readonly number[], context = around([update])): number[] => [
  ...attack.tamper!(Float32Array.from(update), context),
];

describe('attacks on updates', () => {
  it('flip the sign, and scale', () => {
    expect(sent(signFlip(), [1, -2, 0.5])).to.deep.equal([-1, 2, -0.5]);
    expect(sent(signFlip({ scale: 3 }), [1, -2])).to.deep.equal([-3, 6]);
    expect(sent(scaling({ scale: 10 }), [1, -2])).to.deep.equal([10, -20]);
  });

  it('noise has the deviation that it says, and forgets the update', () => {
    const values = sent(
      noise({ deviation: 2 }),
      Array.from({ length: 20_000 }, () => 100),
    );
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    expect(mean).to.be.closeTo(0, 0.06); // four standard errors, 4 * 2 / sqrt(20,000)
    expect(deviation).to.be.closeTo(2, 0.04);
  });

  it('ALIE: z by hand, and the mean less z deviations', () => {
    // n = 50, f = 24: s = floor(26) - 24 = 2, (50 - 24 - 2) / 26 = 0.923077, of which the normal quantile is 1.4261
    expect(alieDistance(50, 24)).to.be.closeTo(1.4261, 1e-4);
    // n = 10, f = 2: s = 6 - 2 = 4, (10 - 2 - 4) / 8 = 0.5, quantile 0
    expect(alieDistance(10, 2)).to.be.closeTo(0, 1e-12);
    // Mean 2, deviation 1; mean 0, deviation 3
    const context = around([
      [1, -3],
      [3, 3],
    ]);
    const found = sent(alie({ z: 2 }), [9, 9], context);
    expect(found).to.deep.equal([0, -6]);
  });

  it('the normal distribution as in its tables', () => {
    // Abramowitz and Stegun, table 26.1
    expect(normalProbability(1)).to.be.closeTo(0.841344746068543, 1e-14);
    expect(normalProbability(-2)).to.be.closeTo(0.022750131948179, 1e-14);
    expect(normalQuantile(0.975)).to.be.closeTo(1.959963984540054, 1e-12);
  });

  it('min-max: as far as the two that are furthest apart, and no further', () => {
    // 0 and 2 on a line: mean 1, deviation 1, diameter 2. |1 - gamma - 2| <= 2: gamma <= 1, so the report is 0.
    expect(sent(minMax(), [5], around([[0], [2]]))[0]).to.be.closeTo(0, 1e-6);
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 8 }), fc.nat(), (n, seed) => {
        const random = seeded('min-max', seed);
        const updates = Array.from({ length: n }, () => Array.from({ length: 5 }, () => random.float() - 0.5));
        const far = (a: readonly number[], b: readonly number[]): number => Math.hypot(...a.map((x, i) => x - b[i]!));
        const diameter = Math.max(...updates.flatMap((a) => updates.map((b) => far(a, b))));
        const found = sent(minMax(), updates[0]!, around(updates));
        expect(Math.max(...updates.map((update) => far(found, update)))).to.be.closeTo(diameter, 1e-5);
      }),
      { numRuns: 100 },
    );
  });

  it('give the same bytes for the same seed, and change none of their inputs', () => {
    const data = taskByName('mnist-2nn').data;
    for (const name of attackNames) {
      const attack = attackOf({ name, fraction: 0.5, options: {} }, data);
      const coalition = [
        [1, 2, 3],
        [2, 2, 5],
      ];
      const update = Float32Array.of(1, 2, 3);
      const context = around(coalition);
      const once = attack.tamper?.(update, context);
      expect(attack.tamper?.(update, around(coalition))).to.deep.equal(once);
      expect([[...update], context.coalition.map((each) => [...each])]).to.deep.equal([[1, 2, 3], coalition]);
    }
  });
});

describe('attacks on data', () => {
  it('flip labels end for end', () => {
    const { ys } = labelFlip({ classes: 10 }).poison!(
      { xs: new Float32Array(3), ys: Int32Array.of(0, 3, 9), count: 3 },
      seeded(1),
    );
    expect([...ys]).to.deep.equal([9, 6, 0]);
  });

  it('stamp a square into the corner of some images, and give these the target label', () => {
    const image = new Float32Array(16);
    stamp(image, { shape: [4, 4, 1], size: 2 });
    expect([...image]).to.deep.equal([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1]);
    const colour = new Float32Array(12);
    stamp(colour, { shape: [2, 2, 3], size: 1, value: 0.5 });
    expect([...colour]).to.deep.equal([0, 0, 0, 0, 0, 0, 0, 0, 0, 0.5, 0.5, 0.5]);
    expect(() => stamp(image, { shape: [15] })).to.throw(/are no image/);
    expect(() => stamp(image, { shape: [4, 4], size: 5 })).to.throw(/size: expected a whole .* from 1 to 4, .* got 5/);
    expect(() => backdoor({ target: 0, shape: [4, 4], size: 5 })).to.throw(/size: .* got 5/);
    expect(() => backdoor({ target: 0, shape: [4, 4], share: 2 })).to.throw(
      /share: expected a number from 0 to 1, got 2/,
    );

    const attack = backdoor({ target: 7, shape: [4], size: 1, share: 0.5, scale: 3 });
    const examples = { xs: new Float32Array(40), ys: new Int32Array(10), count: 10 };
    const { xs, ys } = attack.poison!(examples, seeded(1));
    const stamped = [...ys.keys()].filter((i) => xs[4 * i + 3] === 1);
    expect(stamped).to.have.length(5);
    expect([...ys.keys()].filter((i) => ys[i] === 7)).to.deep.equal(stamped);
    expect(examples.xs.every((value) => value === 0) && examples.ys.every((label) => label === 0)).to.equal(true);
    expect(sent(attack, [1])).to.deep.equal([3]);
  });

  it('a backdoor wants its label for every stamped image of another label', () => {
    const { aim } = backdoor({ target: 7, shape: [4], size: 1 });
    const xs = Float32Array.from({ length: 12 }, (_, i) => i / 100);
    const wanted = aim!({ xs, ys: Int32Array.of(3, 7, 0), count: 3 });
    expect([...wanted.ys]).to.deep.equal([7, 7]);
    expect([...wanted.xs]).to.deep.equal([...Float32Array.of(0, 0.01, 0.02, 1, 0.08, 0.09, 0.1, 1)]);
    expect(xs[3]).to.equal(Math.fround(0.03)); // the test images stay as they are
  });
});

describe('an attack in one word', () => {
  const messageOf = (action: () => unknown): string => {
    try {
      action();
    } catch (thrown) {
      return `${(thrown as { code: string }).code} ${(thrown as Error).message}`;
    }
    return 'nothing was refused';
  };

  it('is a name, a part of the clients, and options', () => {
    expect(parseAttack('sign-flip:0.2')).to.deep.equal({ name: 'sign-flip', fraction: 0.2, options: {} });
    expect(parseAttack('backdoor:0.1,target=7,scale=10').options).to.deep.equal({ target: 7, scale: 10 });
  });

  it('says what is known, or what is wrong', () => {
    expect(messageOf(() => parseAttack('flip:0.2'))).to.match(/^BAD_CONFIG .*known are sign-flip, noise, .*backdoor/);
    expect(messageOf(() => parseAttack('alie'))).to.match(/part of the clients/);
    expect(messageOf(() => parseAttack('alie:1.5'))).to.match(/0 to 1/);
    expect(messageOf(() => parseAttack('alie:0.5,scale=1'))).to.match(/"scale=1" is no option.*z=/);
    expect(messageOf(() => parseAttack('alie:0.5,z=many'))).to.match(/no number/);
    expect(messageOf(() => parseAttack('noise:0.5,deviation=-1'))).to.match(/noise: deviation is 0 or more, got -1/);
    const digits = taskByName('mnist-2nn').data;
    expect(messageOf(() => attackOf(parseAttack('backdoor:0.1,target=10'), digits))).to.match(/label from 0 to 9/);
    const numbers = { features: [3], labels: { targets: 1 } };
    expect(messageOf(() => attackOf(parseAttack('label-flip:0.1'), numbers))).to.match(/no classes/);
  });

  it('picks its clients by the seed', () => {
    const picked = attackersOf(10, { fraction: 0.3 }, 1);
    expect(picked.size).to.equal(3);
    expect([...attackersOf(10, { fraction: 0.3 }, 1)]).to.deep.equal([...picked]);
    expect([...attackersOf(1_000, { fraction: 0.3 }, 2)]).to.not.deep.equal([
      ...attackersOf(1_000, { fraction: 0.3 }, 1),
    ]);
  });
});

/** The clouds as images of three by three pixels: the ninth, the corner, is black. */
const imageTask = checkTask({
  ...cloudTask,
  model: { ...cloudTask.model, input: [9] },
  data: { ...cloudTask.data, features: [9] },
});
const images = (count: number, seed: number): LoadedData => {
  const { xs, ...rest } = clouds(count, seed);
  const wide = new Float32Array(9 * count);
  for (let i = 0; i < count; i++) wide.set(xs.subarray(8 * i, 8 * i + 8), 9 * i);
  return { ...rest, xs: wide, features: [9] };
};

describe('attacks in a simulation', () => {
  const accuracy = async (strategy: 'fedavg' | 'median', attack?: string): Promise<number> => {
    const options = {
      rounds: 8,
      clientsPerRound: 12,
      strategy: { name: strategy },
      ...(attack === undefined ? {} : { attack }),
    };
    return (await simulate(cloudSimulation(options)).result).accuracy!;
  };

  it('lead FedAvg astray, and the median not', async () => {
    expect(await accuracy('fedavg')).to.be.above(0.9);
    expect(await accuracy('fedavg', 'sign-flip:0.25,scale=10')).to.be.below(0.6);
    expect(await accuracy('median', 'sign-flip:0.25,scale=10')).to.be.above(0.9);
  });

  it('open a backdoor that the accuracy does not show, and its success is measured', async () => {
    const last = async (attack: string): Promise<Record<string, unknown>> => {
      let line: Record<string, unknown> = {};
      const options = { task: imageTask, rounds: 8, clientsPerRound: 12, attack };
      for await (const { metrics } of simulate(cloudSimulation({ ...options, data: images(240, 1), test: images(60, 2) }))) line = metrics; // prettier-ignore
      return line;
    };
    const [open, closed] = [await last('backdoor:0.25,target=1,size=1,scale=3'), await last('backdoor:0,target=1,size=1')]; // prettier-ignore
    expect(closed['attack/success']).to.be.below(0.4);
    expect(open['attack/success']).to.be.above(0.8);
    expect(open['eval/accuracy']).to.be.above(0.85);
  });

  it('give the same bytes with one worker and with two, together or alone, and leave the data as they are', async () => {
    const data = clouds(240, 1);
    const before = structuredClone([data.xs, data.ys]);
    const hashOf = async (changes: object): Promise<string> =>
      (await simulate(cloudSimulation({ data, ...changes })).result).weightsSha256;
    const honest = await hashOf({});
    const partial = { devices: { stragglers: 0.5, partialWork: true }, localEpochs: 5, rounds: 3 };
    const settings = [{ attack: 'min-max:0.25' }, { attack: 'label-flip:0.5' }, { attack: 'alie:0.5,z=1', ...partial }];
    const compared = settings.map(async (setting) => {
      const [one, two] = await Promise.all([1, 2].map((workers) => hashOf({ ...setting, workers })));
      expect(one).to.equal(two);
      expect(one).to.not.equal(honest);
    });
    await Promise.all(compared);
    expect([data.xs, data.ys]).to.deep.equal(before);
  });

  it('know what honest clients of FedProx would report, and are refused where they cannot', async () => {
    // All clients report the mean of what they would report honestly (z = 0): the mean of the reports stays what it was.
    const strategy = { name: 'fedprox', proximalMu: 5 } as const;
    const options = {
      strategy,
      clientsPerRound: 12,
      rounds: 3,
      weighting: 'uniform',
      localEpochs: 2,
      batchSize: 'full',
    } as const;
    const honest = await simulate(cloudSimulation(options)).result;
    const attacked = await simulate(cloudSimulation({ ...options, attack: 'alie:1,z=0' })).result;
    expect(attacked.loss).to.be.closeTo(honest.loss!, 1e-4);
    const refused = simulate(
      cloudSimulation({ ...options, strategy: { name: 'scaffold' }, attack: 'alie:0.5' }),
    ).result;
    expect(await refused.then(String, String)).to.match(/attack: alie needs to know .* \(control-variates\)/);
  });
});
