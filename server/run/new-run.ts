import { FederatedError } from '../../shared/errors.ts';
import { runId, type RunId } from '../../shared/ids.ts';
import { checkTaskFits } from '../../shared/tasks/fit.ts';
import { initialWeights } from '../../shared/tasks/initial.ts';
import { modelLayout } from '../../shared/tasks/model.ts';
import { encodeTask } from '../../shared/tasks/task.ts';
import { floatBytes, layoutSize } from '../../shared/weights.ts';
import { checkRunConfig } from '../config.ts';
import type { Host } from '../host.ts';
import type { StoredRun } from '../store/store.ts';

/**
 * A run before its first round: checks its config, draws the initial weights, and stores these and the task as blobs.
 * @param input - the config
 * @param id - its name; without, one is made from the task's
 * @throws FederatedError BAD_CONFIG, BAD_MODEL, BAD_STATE: nothing is stored then
 */
export async function newRun(
  input: unknown,
  id: RunId | undefined,
  { store, blobs, limits, clock }: Pick<Host, 'store' | 'blobs' | 'limits' | 'clock'>,
): Promise<StoredRun> {
  const config = checkRunConfig(input);
  checkTaskFits(config.task);
  const bytes = 4 * layoutSize(modelLayout(config.task.model));
  if (bytes > limits.maxUpdateBytes) {
    const message = `the model has ${bytes} bytes; this server takes at most ${limits.maxUpdateBytes}`;
    throw new FederatedError('BAD_MODEL', message);
  }
  const taken = await store.takenNames();
  if (id !== undefined && taken.has(id)) {
    throw new FederatedError('BAD_STATE', `run ${id} is there already, or was: a name is used once; choose another`);
  }
  const task = await blobs.put(encodeTask(config.task));
  const weights = await blobs.put(floatBytes(initialWeights(config.task.model, config.seed)));
  return {
    id: id ?? freeName(config.task.name, taken),
    config,
    task,
    state: 'created',
    round: 0,
    weights,
    strategyState: null,
    reason: null,
    createdAt: clock.now(),
  };
}

/** `mnist-2nn-1`, `mnist-2nn-2`, ... */
function freeName(task: string, taken: ReadonlySet<RunId>): RunId {
  for (let number = 1; ; number++) {
    const id = runId(`${task.slice(0, 56)}-${number}`);
    if (!taken.has(id)) return id;
  }
}
