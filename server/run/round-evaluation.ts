import { asFederatedError } from '../../shared/errors.ts';
import type { Host } from '../host.ts';
import type { Evaluation, StoredRun } from '../store/store.ts';
import { describeEvaluation } from './round-record.ts';

/** Whether the last committed round is one to be measured on the server's own data. */
function isDue({ round, config }: StoredRun, { evaluate }: Host): boolean {
  const { evaluateEvery, rounds } = config;
  if (round === 0 || evaluateEvery === 0 || evaluate === undefined) return false;
  return round % evaluateEvery === 0 || round >= rounds;
}

/** Whether the server died between a round's commit and its evaluation. */
export async function lacksEvaluation(run: StoredRun, host: Host): Promise<boolean> {
  if (!isDue(run, host)) return false;
  return (await host.store.newest(run.id)).evaluated?.round !== run.round;
}

/**
 * Central evaluation of the last committed round, if it is due: measured, stored and told. That it fails stops no run.
 * @param weights - the round's model
 * @returns null when there is none
 */
export async function evaluateRound(run: StoredRun, weights: Float32Array, host: Host): Promise<Evaluation | null> {
  if (!isDue(run, host)) return null;
  const { id, round, config } = run;
  const say = (message: string, data: object): void => {
    host.events.add({ at: host.clock.now(), run: id, type: 'evaluation', message, data: { round, ...data } });
  };
  let evaluation: Evaluation | null = null;
  try {
    const measured = await host.evaluate!(config.task.model, weights);
    await host.store.setEvaluation(id, round, measured);
    evaluation = measured;
    host.metrics.evaluation(id, measured);
    say(describeEvaluation(round, measured), measured);
  } catch (thrown) {
    const { code, message } = asFederatedError(thrown);
    host.log.error({ code }, message);
    say(`Round ${round} could not be evaluated: ${message}`, { code });
  }
  host.onStep?.('evaluated');
  return evaluation;
}
