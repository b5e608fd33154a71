import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { activations, layerSchema } from '../../shared/tasks/layers.ts';
import { lossNames } from '../../shared/tasks/model.ts';
import { optimizerNames, scheduleSchema } from '../../shared/tasks/optimizer.ts';
import { checkTask, trainingSchema } from '../../shared/tasks/task.ts';

const text = readFileSync(new URL('../../shared/tasks/README.md', import.meta.url), 'utf8');
const named = new Set([...text.matchAll(/`([a-zA-Z0-9-]+)`/g)].map(([, name]) => name));

/** The values that a discriminating field of a variant may have. */
const variants = (options: readonly { readonly entries: unknown }[], key: string): string[] =>
  options.map(({ entries }) => (entries as Record<string, { literal: string }>)[key]!.literal);

describe('the page on tasks', () => {
  it('has an example that is a task', () => {
    const json = /```json\n([\s\S]+?)```/.exec(text)![1]!;
    const task = checkTask(JSON.parse(json));
    expect(task.model.layers[0]).to.include({ type: 'conv2d', padding: 'valid', useBias: true });
    expect(task.training.optimizer).to.deep.equal({ name: 'momentum', momentum: 0.9 });
  });

  it('names every layer with its options, every activation, loss, optimizer, schedule and option of training', () => {
    const layers = layerSchema.options.flatMap(({ entries }) => Object.keys(entries).filter((key) => key !== 'type'));
    const expected = [
      ...variants(layerSchema.options, 'type'),
      ...layers,
      ...activations,
      ...lossNames,
      ...optimizerNames,
      ...variants(scheduleSchema.options, 'name'),
      ...Object.keys(trainingSchema.entries),
    ];
    expect(expected.length).to.be.above(80);
    expect([...new Set(expected)].filter((name) => !named.has(name))).to.deep.equal([]);
  });

  it('names nothing that is refused: an unknown name is answered with those that are known', () => {
    const task = JSON.parse(/```json\n([\s\S]+?)```/.exec(text)![1]!) as { model: { layers: object[] } };
    task.model.layers[0] = { type: 'conv3d' };
    expect(() => checkTask(task)).to.throw(/Expected \("dense" \| "conv1d" .*"residual"\) but received "conv3d"/);
  });
});
