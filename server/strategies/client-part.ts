import { FederatedError } from '../../shared/errors.ts';
import type { AlgorithmSpec } from '../../shared/tasks/algorithm.ts';
import { headSpans, normalisationSpans, statisticSpans } from '../../shared/tasks/spans.ts';
import { accumulatedSteps } from '../../shared/tasks/steps.ts';
import { canonicalJson, type Task } from '../../shared/tasks/task.ts';
import { layoutSize } from '../../shared/weights.ts';
import { modelLayout } from '../../shared/tasks/model.ts';
import type { StrategyConfig } from './options.ts';

/**
 * The task as the clients of a strategy are to train it: what a strategy does on the client is named in the training plan, so
 * that its hash covers it. The same task comes out for a task that went through here before.
 * @throws FederatedError BAD_CONFIG when the strategy and the task do not go together
 */
export function planOfClients(task: Task, strategy: StrategyConfig): Task {
  const { training } = task;
  // One step of plain gradient descent on all examples.
  if (strategy.name === 'fedsgd') {
    return { ...task, training: { ...training, localEpochs: 1, batchSize: 'full', optimizer: { name: 'sgd' } } };
  }
  const algorithm = algorithmFor(strategy);
  checkTogether(strategy, task);
  const given = training.algorithm;
  if (given !== undefined && canonicalJson(given) !== canonicalJson(algorithm ?? null)) {
    const wanted = algorithm === undefined ? 'none' : canonicalJson(algorithm);
    throw refusal(strategy, `its clients' algorithm is ${wanted}, and the task asks for ${canonicalJson(given)}`);
  }
  return algorithm === undefined ? task : { ...task, training: { ...training, algorithm } };
}

function algorithmFor(strategy: StrategyConfig): AlgorithmSpec | undefined {
  switch (strategy.name) {
    case 'fedprox':
      return { name: 'proximal', mu: strategy.proximalMu };
    case 'scaffold':
      return { name: 'control-variates' };
    case 'feddyn':
      return { name: 'dynamic', alpha: strategy.alpha };
    case 'fednova':
      return { name: 'normalised' };
    case 'qfedavg':
      return { name: 'fair', q: strategy.q };
    case 'fedbn':
      return { name: 'personal-normalisation' };
    case 'fedper':
      return { name: 'personal-head', layers: strategy.personalLayers };
    case 'fedrep':
      return { name: 'personal-head', layers: strategy.personalLayers, headEpochs: strategy.headEpochs };
    case 'ditto':
      return { name: 'personal-model', lambda: strategy.lambda };
    default:
      return undefined;
  }
}

function checkTogether(strategy: StrategyConfig, { model, training }: Task): void {
  const { optimizer } = training;
  switch (strategy.name) {
    case 'scaffold':
      if (optimizer.name === 'sgd') return;
      throw refusal(
        strategy,
        `it corrects steps of plain SGD, and the clients' optimizer is ${optimizer.name}; use sgd`,
      );
    case 'fednova':
      if (accumulatedSteps(optimizer, 1) !== null) return;
      throw refusal(
        strategy,
        `it counts steps of sgd, momentum or nesterov, and the clients' optimizer is ${optimizer.name}`,
      );
    case 'fedbuff':
      if (statisticSpans(model).length === 0) return;
      throw refusal(
        strategy,
        'the model has batch normalisation, whose running variance may end below zero when updates of several models are ' +
          'added; use a model without it, or fedavg',
      );
    case 'fedbn':
      if (normalisationSpans(model).length > 0) return;
      throw refusal(strategy, 'it keeps normalisation layers on the clients, and the model has none; use fedavg');
    case 'fedper':
    case 'fedrep': {
      const own = headSpans(model, strategy.personalLayers).reduce((sum, { start, end }) => sum + end - start, 0);
      if (own < layoutSize(modelLayout(model))) return;
      throw refusal(
        strategy,
        `with ${strategy.personalLayers} personalLayers nothing of the model is shared; lower it`,
      );
    }
    default:
  }
}

const refusal = ({ name }: StrategyConfig, text: string): FederatedError =>
  new FederatedError('BAD_CONFIG', `config: strategy ${name}: ${text}`);
