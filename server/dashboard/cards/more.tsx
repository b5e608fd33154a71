import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Task } from '../../../shared/tasks/task.ts';
import { get, save } from '../api.ts';
import { date, figure, percent, time } from '../format.ts';
import { Card } from '../parts/card.tsx';
import { CopyButton } from '../parts/copy-button.tsx';
import { exportModel } from '../store/actions.ts';
import { bestOf } from '../store/history.ts';
import { commandOf, settingsOf, yaml } from '../store/settings.ts';
import { chosenRound, config, events, rounds, run } from '../store/state.ts';
import { BytesCard, NormsCard } from './curves.tsx';

/** What is wanted now and then: closed until it is opened. */
export function More() {
  const isOpen = useSignal(false);
  return (
    <details class="span-12 more" onToggle={({ currentTarget }) => (isOpen.value = currentTarget.open)}>
      <summary>Bytes, norms, config, checkpoints, logs</summary>
      {isOpen.value && (
        <div class="grid">
          <BytesCard />
          <NormsCard />
          <ConfigCard />
          <CheckpointsCard />
          <LogsCard />
        </div>
      )}
    </details>
  );
}

export interface CatalogueTask {
  readonly task: Task;
  readonly parameters: number;
}

function ConfigCard() {
  const catalogue = useSignal<readonly CatalogueTask[] | null>(null);
  useEffect(
    () =>
      void get<CatalogueTask[]>('tasks').then(
        (found) => (catalogue.value = found),
        () => (catalogue.value = []),
      ),
    [],
  );
  const at = config.value;
  if (at === null || catalogue.value === null)
    return (
      <Card title="Config" span={6}>
        <p class="quiet-text">Loading …</p>
      </Card>
    );
  const settings = settingsOf(at, catalogue.value.find(({ task }) => task.name === at.task.name)?.task);
  const text = yaml(settings).trimStart();
  const command = commandOf(settings);
  return (
    <Card title="Config" span={6} meta={`seed ${at.seed}`} tools={<CopyButton text={text} label="Copy as YAML" />}>
      <div class="scroll config" tabIndex={0} role="region" aria-label="Config as a tree">
        <Tree value={at} />
      </div>
      <h3>The command that reproduces this run</h3>
      {command === null ? (
        <p class="note">
          The task is one of your own: save the YAML as run.yaml, then npx fedloom serve --config run.yaml
        </p>
      ) : (
        <div class="command">
          <pre tabIndex={0}>{command}</pre>
          <CopyButton text={command} />
        </div>
      )}
      <p class="note">With the same clients and data: the seed fixes initial weights, selection and batch order.</p>
    </Card>
  );
}

function Tree({ value }: { readonly value: object }) {
  return (
    <ul class="tree">
      {Object.entries(value).map(([name, each]) => (
        <li key={name}>
          {each !== null && typeof each === 'object' && !isShort(each) ? (
            <details open={name === 'strategy'}>
              <summary>{name}</summary>
              <Tree value={each as object} />
            </details>
          ) : (
            <>
              <span>{name}</span> <b>{typeof each === 'string' ? each : JSON.stringify(each)}</b>
            </>
          )}
        </li>
      ))}
    </ul>
  );
}
const isShort = (value: object): boolean =>
  Array.isArray(value) && value.every((item) => item === null || typeof item !== 'object');

/** Checkpoints in the list: the newest. */
const most = 300;

function CheckpointsCard() {
  const all = rounds.value.filter(({ result }) => result !== 'abandoned');
  const best = bestOf(all);
  // Older ones the server has removed.
  const { keepModels = 100 } = config.value ?? {};
  const kept = keepModels === 'all' ? all : all.filter((each, i) => i >= all.length - keepModels || each === best);
  return (
    <Card
      title="Checkpoints"
      span={6}
      meta={
        kept.length === 0
          ? 'one after each round'
          : `${kept.length}${kept.length < all.length ? ` of ${all.length}: the newest and the best` : ', one after each round'}${best === null ? '' : `; best is round ${best.round}`}`
      }
    >
      <div class="scroll checkpoints" tabIndex={0} role="region" aria-label="List of checkpoints">
        <table>
          <thead>
            <tr>
              <th scope="col">Round</th>
              <th scope="col">Ended</th>
              <th scope="col" class="number">
                Accuracy
              </th>
              <th scope="col" class="number">
                Loss
              </th>
              <th scope="col">Download</th>
            </tr>
          </thead>
          <tbody>
            {kept
              .slice(-most)
              .toReversed()
              .map(({ sequence, round, endedAt, evaluation }) => (
                <tr key={sequence} class={chosenRound.value?.sequence === sequence ? 'chosen' : ''}>
                  <th scope="row">
                    {round}
                    {best?.sequence === sequence && <span class="tag">best</span>}
                  </th>
                  <td>{date(endedAt)}</td>
                  <td class="number">{percent(evaluation?.['accuracy'])}</td>
                  <td class="number">{figure(evaluation?.['loss'])}</td>
                  <td class="downloads">
                    {(['tfjs', 'safetensors'] as const).map((format) => (
                      <button
                        type="button"
                        class="link"
                        key={format}
                        aria-label={`Round ${round} as ${format}`}
                        onClick={() => void exportModel(String(round), format)}
                      >
                        {format}
                      </button>
                    ))}
                  </td>
                </tr>
              ))}
          </tbody>
        </table>
        {kept.length === 0 && <p class="quiet-text">The first checkpoint comes with round 1.</p>}
      </div>
    </Card>
  );
}

const lines = 400;

function LogsCard() {
  const mine = events.value.filter((event) => event.run === null || event.run === run.value?.id);
  const saveAll = (): void =>
    save(
      `${run.value?.id ?? 'fedloom'}-events.jsonl`,
      new Blob([mine.map((event) => `${JSON.stringify(event)}\n`).join('')]),
    );
  return (
    <Card
      title="Logs"
      span={12}
      meta={`the newest ${Math.min(lines, mine.length)} of ${mine.length} events that this page holds; the run folder's events.jsonl has all`}
      tools={
        <button type="button" onClick={saveAll}>
          Download
        </button>
      }
    >
      <pre class="scroll logs" tabIndex={0} aria-label="Log lines">
        {mine
          .slice(-lines)
          .toReversed()
          .map(({ at, type, message }) => `${time(at)}  ${type.padEnd(10)}  ${message}\n`)
          .join('')}
      </pre>
    </Card>
  );
}
