import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { get } from '../api.ts';
import type { StrategyName } from '../../strategies/options.ts';
import { count } from '../format.ts';
import { Modal } from '../parts/dialog.tsx';
import { createRun } from '../store/actions.ts';
import { config, dialog, isOver, run } from '../store/state.ts';
import type { CatalogueTask } from './more.tsx';

interface Field {
  readonly name: string;
  readonly label: string;
  readonly hint: string;
  readonly step?: string;
  readonly optional?: boolean;
}
const ofRun: readonly Field[] = [
  { name: 'rounds', label: 'Rounds', hint: '' },
  { name: 'minClients', label: 'Starts with', hint: 'clients that must be ready' },
  { name: 'clientsPerRound', label: 'Clients per round', hint: 'empty: all that are ready', optional: true },
  { name: 'minReports', label: 'Reports at least', hint: 'empty: half of those wanted', optional: true },
  { name: 'roundTimeout', label: 'Round timeout', hint: 'seconds', step: 'any' },
  { name: 'seed', label: 'Seed', hint: 'fixes everything that is drawn' },
];
const ofTraining: readonly Field[] = [
  { name: 'localEpochs', label: 'Local epochs', hint: 'passes over a client’s data' },
  { name: 'batchSize', label: 'Batch size', hint: 'examples in a step' },
  { name: 'clientLearningRate', label: 'Learning rate', hint: 'of the clients', step: 'any' },
];

/** Those that need no option of their own; with options, a run is made on the command line. */
const strategies = [
  'fedavg',
  'fedavgm',
  'fedadam',
  'fedyogi',
  'fedprox',
  'fednova',
  'scaffold',
] as const satisfies readonly StrategyName[];

type Values = Readonly<Record<string, string>>;

function start(): Values {
  const at = config.value;
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  return {
    rounds: String(at?.rounds ?? 100),
    minClients: String(at?.minClients ?? 3),
    clientsPerRound: String(at?.clientsPerRound ?? ''),
    minReports: String(at?.minReports ?? ''),
    roundTimeout: String((at?.roundTimeout ?? 600_000) / 1000),
    seed: String(seed),
    secureAggregation: 'auto',
    strategy: strategies.find((each) => each === at?.strategy.name) ?? 'fedavg',
  };
}

const trainingOf = ({ task }: CatalogueTask): Values => ({
  localEpochs: String(task.training.localEpochs),
  batchSize: String(task.training.batchSize),
  clientLearningRate: String(task.training.clientLearningRate),
});

/** A run of one of the tasks that come with Fedloom, with the settings that matter most. */
export function NewRun() {
  const catalogue = useSignal<readonly CatalogueTask[]>([]);
  const name = useSignal('');
  const values = useSignal<Values>(start());
  const isBusy = useSignal(false);
  const pick = (chosen: string): void => {
    name.value = chosen;
    const entry = catalogue.value.find(({ task }) => task.name === chosen);
    if (entry !== undefined) values.value = { ...values.value, ...trainingOf(entry) };
  };
  useEffect(() => {
    const load = async (): Promise<void> => {
      catalogue.value = await get<CatalogueTask[]>('tasks');
      const before = config.value?.task.name;
      pick(catalogue.value.some(({ task }) => task.name === before) ? before! : catalogue.value[0]!.task.name);
    };
    void load().catch(() => {});
  }, []);
  const entry = catalogue.value.find(({ task }) => task.name === name.value);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (entry === undefined) return;
    isBusy.value = true;
    await createRun(configFrom(entry, values.value));
    isBusy.value = false;
  };
  const input = ({ name: field, label, hint, step, optional }: Field) => (
    <label key={field}>
      <span>{label}</span>
      <input
        name={field}
        {...(field === 'batchSize' ? { type: 'text' } : { type: 'number' })}
        min={step === undefined ? (field === 'seed' ? 0 : 1) : 0}
        step={step ?? '1'}
        required={optional !== true}
        value={values.value[field] ?? ''}
        onInput={({ currentTarget }) => (values.value = { ...values.value, [field]: currentTarget.value })}
      />
      <small>{hint || '\u00a0'}</small>
    </label>
  );
  return (
    <Modal title="New run" wide>
      <form onSubmit={(event) => void submit(event)}>
        <label>
          <span>Task</span>
          <select value={name.value} onChange={({ currentTarget }) => pick(currentTarget.value)}>
            {catalogue.value.map(({ task }) => (
              <option key={task.name}>{task.name}</option>
            ))}
          </select>
          <small>
            {entry === undefined ? 'Loading …' : `${entry.task.description}. ${count(entry.parameters)} parameters.`}
          </small>
        </label>
        <div class="fields">
          {ofRun.map(input)}
          {ofTraining.map(input)}
          <label>
            <span>Strategy</span>
            <select
              value={values.value['strategy']}
              onChange={({ currentTarget }) => (values.value = { ...values.value, strategy: currentTarget.value })}
            >
              {strategies.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </select>
            <small>with its usual options</small>
          </label>
          <label>
            <span>Secure aggregation</span>
            <select
              value={values.value['secureAggregation'] ?? 'auto'}
              onChange={({ currentTarget }) =>
                (values.value = { ...values.value, secureAggregation: currentTarget.value })
              }
            >
              <option value="auto">on, where possible</option>
              <option value="on">on</option>
              <option value="off">off: see every update</option>
            </select>
            <small>needs three clients a round</small>
          </label>
        </div>
        {run.value !== null && !isOver.value && <p class="note">It begins when {run.value.id} is over.</p>}
        <p class="actions">
          <button class="primary" disabled={isBusy.value || entry === undefined}>
            Create run
          </button>
          <button type="button" onClick={() => (dialog.value = null)}>
            Cancel
          </button>
        </p>
      </form>
    </Modal>
  );
}

function configFrom({ task }: CatalogueTask, values: Values): unknown {
  const number = (name: string): number | undefined => {
    const text = values[name]?.trim() ?? '';
    return text === '' ? undefined : Number(text);
  };
  const batch = values['batchSize']?.trim() ?? '';
  const secure = values['secureAggregation'];
  return {
    task: {
      ...task,
      training: {
        ...task.training,
        localEpochs: number('localEpochs'),
        batchSize: /^\d+$/.test(batch) ? Number(batch) : batch,
        clientLearningRate: number('clientLearningRate'),
      },
    },
    rounds: number('rounds'),
    minClients: number('minClients'),
    clientsPerRound: number('clientsPerRound'),
    minReports: number('minReports'),
    roundTimeout: Math.round((number('roundTimeout') ?? 600) * 1000),
    seed: number('seed'),
    strategy: { name: values['strategy'] },
    ...(secure === 'auto' ? {} : { secureAggregation: secure === 'on' }),
  };
}
