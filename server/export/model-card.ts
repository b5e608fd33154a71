import type { Task } from '../../shared/tasks/task.ts';

export interface ModelCardInfo {
  readonly run: string;
  readonly task: Task;
  readonly parameters: number;
  readonly round: number;
  readonly strategy: string;
  readonly seed: number;
  /** Clients whose reports went into the model, and their reports. */
  readonly clients: number;
  readonly reports: number;
  /** Central evaluation of this very model, or null. */
  readonly evaluation: Readonly<Record<string, number>> | null;
  /** Rounds of which the server saw the sum of the updates only. */
  readonly secureRounds: number;
  readonly weightsSha256: string;
  /** Names of the files beside the card. */
  readonly files: readonly string[];
}

const figure = (value: number | undefined): string => (value === undefined ? 'not measured' : value.toFixed(4));

/** MODEL_CARD.md: what a model is, how it came about, and what may be said of the privacy of those who trained it. */
export function modelCard(info: ModelCardInfo): string {
  const { task, evaluation } = info;
  const { features, labels, source } = task.data;
  const kind = 'classes' in labels ? `${labels.classes} classes` : `${labels.targets} real targets`;
  const { localEpochs, batchSize, clientLearningRate } = task.training;
  const on =
    evaluation?.['examples'] === undefined ? '' : ` on ${evaluation['examples']} held-out examples of the server`;
  const rows = [
    ['Run', info.run],
    ['Task', task.description === '' ? task.name : `${task.name}: ${task.description}`],
    ['Parameters', String(info.parameters)],
    ['Input', `[${features.join(', ')}], ${kind}`],
    ['Rounds', String(info.round)],
    ['Clients', `${info.clients}, with ${info.reports} reports in all`],
    ['Strategy', info.strategy],
    ['Local training', `SGD, ${localEpochs} epochs, batch size ${batchSize}, learning rate ${clientLearningRate}`],
    ['Seed', String(info.seed)],
    ['Accuracy', `${figure(evaluation?.['accuracy'])}${on}`],
    ['Loss', `${figure(evaluation?.['loss'])}${on}`],
    ['SHA-256 of the weights', info.weightsSha256],
    ['Files', info.files.join(', ')],
  ];
  return `# ${task.name}, round ${info.round}

A model trained by federated learning with Fedloom.

| | |
| --- | --- |
${rows.map(([name, value]) => `| ${name} | ${value} |`).join('\n')}

## Data

The model was trained on data that stayed on the clients${source === undefined ? '' : ` (data set of the task: ${source})`}. The server never held it, and this
card can say nothing of its quality, its balance or how it was collected. Evaluate the model on data of your own use before
you rely on it.

## Privacy

- Differential privacy: none. No bound can be given on what the model reveals about one client or one example.
${aggregation(info)}
`;
}

function aggregation({ round, secureRounds }: ModelCardInfo): string {
  if (round > 0 && secureRounds === round) {
    return `- Updates: in every round the server saw the sum over at least three clients, and no single update.
- Secure aggregation: on.`;
  }
  if (secureRounds === 0) {
    return `- Updates: the server saw the update of every single client. They were encrypted on the way.
- Secure aggregation: off.`;
  }
  return `- Updates: in ${round - secureRounds} of ${round} rounds the server saw the update of every single client. They were encrypted on the way.
- Secure aggregation: on in ${secureRounds} of ${round} rounds.`;
}
