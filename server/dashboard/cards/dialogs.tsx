import { useSignal } from '@preact/signals';
import { keyHelp } from '../keys.ts';
import { Modal } from '../parts/dialog.tsx';
import { exportModel, stop } from '../store/actions.ts';
import { bestOf } from '../store/history.ts';
import { chosenRound, dialog, rounds, run } from '../store/state.ts';
import { percent } from '../format.ts';
import { ClientDrawer } from './client-drawer.tsx';
import { NewRun } from './new-run.tsx';

/** The dialog that is open, if one is. */
export function Dialogs() {
  const open = dialog.value;
  switch (open?.kind) {
    case 'help':
      return <Help />;
    case 'stop':
    case 'stop-now':
      return <Stop key={open.kind} isNow={open.kind === 'stop-now'} />;
    case 'export':
      return <Export />;
    case 'new':
      return <NewRun />;
    case 'client':
      return <ClientDrawer key={open.id} id={open.id} />;
    default:
      return null;
  }
}

const close = (): void => void (dialog.value = null);

function Help() {
  return (
    <Modal title="Keys">
      <dl class="keys">
        {keyHelp.map(([keys, does]) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}

function Stop({ isNow }: { readonly isNow: boolean }) {
  const at = run.value;
  const current = at?.current?.round;
  const confirm = async (): Promise<void> => {
    if (await stop(isNow)) close();
  };
  return (
    <Modal title={isNow ? 'Stop now?' : `Stop ${at?.id}?`}>
      <p>
        {isNow
          ? `Round ${current ?? ''} is abandoned: what its clients have sent is dropped. The model of round ${at?.round} stays.`
          : current === undefined
            ? 'The run ends here and cannot be resumed. Its model stays.'
            : `Round ${current} ends first, then the run is over and cannot be resumed. To hold it, pause it instead.`}
      </p>
      <p class="actions">
        <button type="button" class="danger filled" onClick={() => void confirm()}>
          {isNow ? 'Stop now' : current === undefined ? 'Stop' : `Stop after round ${current}`}
        </button>
        <button type="button" onClick={close}>
          Keep it running
        </button>
      </p>
    </Modal>
  );
}

const formats = [
  ['tfjs', 'TensorFlow.js', 'model.json and weights.bin with a model card, as a zip archive'],
  ['safetensors', 'safetensors', 'one file, read by Python, Rust and others'],
] as const;

function Export() {
  const kept = rounds.value.filter(({ result }) => result !== 'abandoned');
  const best = bestOf(kept);
  const last = kept.at(-1);
  const at = chosenRound.value;
  const choices: (readonly [string, string])[] = [
    ...(at === null || at.result === 'abandoned'
      ? []
      : [[String(at.round), `Round ${at.round}, which you are looking at`] as const]),
    ...(best === null
      ? []
      : [
          [
            'best',
            `Best: round ${best.round}${best.evaluation?.['accuracy'] === undefined ? '' : `, ${percent(best.evaluation['accuracy'])}`}`,
          ] as const,
        ]),
    ['last', last === undefined ? 'The model before the first round' : `Last: round ${last.round}`],
  ];
  const round = useSignal(choices[0]![0]);
  const format = useSignal<string>('tfjs');
  const isBusy = useSignal(false);
  const start = async (event: Event): Promise<void> => {
    event.preventDefault();
    isBusy.value = true;
    if (await exportModel(round.value, format.value)) close();
    isBusy.value = false;
  };
  return (
    <Modal title="Export a model">
      <form onSubmit={(event) => void start(event)}>
        <fieldset>
          <legend>Which model</legend>
          {choices.map(([value, text]) => (
            <label class="choice" key={value}>
              <input type="radio" name="round" checked={round.value === value} onChange={() => (round.value = value)} />{' '}
              <span>{text}</span>
            </label>
          ))}
        </fieldset>
        <fieldset>
          <legend>For what</legend>
          {formats.map(([value, name, text]) => (
            <label class="choice" key={value}>
              <input
                type="radio"
                name="format"
                checked={format.value === value}
                onChange={() => (format.value = value)}
              />{' '}
              <span>
                {name}
                <small>{text}</small>
              </span>
            </label>
          ))}
        </fieldset>
        <p class="actions">
          <button class="primary" disabled={isBusy.value}>
            {isBusy.value ? 'Preparing …' : 'Download'}
          </button>
          <button type="button" onClick={close}>
            Cancel
          </button>
        </p>
      </form>
    </Modal>
  );
}
