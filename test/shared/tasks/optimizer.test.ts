import { expect } from 'chai';
import * as v from 'valibot';
import {
  learningRateAt,
  optimizerNames,
  optimizerSchema,
  scheduleSchema,
  type ScheduleSpec,
} from '../../../shared/tasks/optimizer.ts';

describe('optimizerSchema', () => {
  it('takes a name for all of its defaults', () => {
    for (const name of optimizerNames) {
      const byName = v.parse(optimizerSchema, name);
      expect(byName).to.deep.equal(v.parse(optimizerSchema, { name }));
      expect(v.parse(optimizerSchema, byName)).to.deep.equal(byName); // what is filled in already stays
    }
    // Kingma and Ba 2015, Algorithm 1
    expect(v.parse(optimizerSchema, 'adam')).to.deep.equal({ name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
  });

  it('refuses what would not converge or is unknown', () => {
    const wrong = ['adamax', { name: 'momentum', momentum: 1 }, { name: 'adam', epsilon: 0 }, { name: 'sgd', rate: 1 }];
    for (const value of wrong)
      expect(v.safeParse(optimizerSchema, value).success, JSON.stringify(value)).to.equal(false);
  });
});

describe('learningRateAt', () => {
  const rates = (schedule: v.InferInput<typeof scheduleSchema>, ...rounds: number[]): number[] => {
    const spec: ScheduleSpec = v.parse(scheduleSchema, schedule);
    return rounds.map((round) => Number(learningRateAt(8, spec, round).toFixed(6)));
  };

  it('is the rate itself without a schedule', () => expect(learningRateAt(0.1, undefined, 99)).to.equal(0.1));

  it('follows each schedule from round 1 on', () => {
    expect(rates({ name: 'constant' }, 1, 50)).to.deep.equal([8, 8]);
    expect(rates({ name: 'step', every: 2, factor: 0.5 }, 1, 2, 3, 5)).to.deep.equal([8, 8, 4, 2]);
    expect(rates({ name: 'exponential', factor: 0.5 }, 1, 2, 4)).to.deep.equal([8, 4, 1]);
    expect(rates({ name: 'linear', rounds: 4, end: 0.5 }, 1, 2, 5, 9)).to.deep.equal([8, 7, 4, 4]);
    expect(rates({ name: 'cosine', rounds: 4 }, 1, 3, 5, 9)).to.deep.equal([8, 4, 0, 0]); // cos 0, π/2, π
    expect(rates({ name: 'inverse-time', decay: 1 }, 1, 2, 4)).to.deep.equal([8, 4, 2]);
  });

  it('rises evenly during the warm-up, and starts the schedule at its end', () => {
    const schedule = { name: 'exponential', factor: 0.5, warmupRounds: 3 } as const;
    expect(rates(schedule, 1, 2, 3, 4, 5)).to.deep.equal([2, 4, 6, 8, 4]);
  });
});
