import { equalBytes } from '../../shared/bytes.ts';
import type { Adjustments } from '../../shared/engine/training.ts';
import { FederatedError } from '../../shared/errors.ts';
import { seeded } from '../../shared/random.ts';
import type { TrainingPlan } from '../../shared/tasks/task.ts';
import { floatBytes } from '../../shared/weights.ts';
import type { Rows } from '../pool/messages.ts';
import type { Tamper } from '../pool/pool-trainer.ts';
import type { TrainingPool } from '../pool/pool.ts';
import type { Attack } from './attack.ts';

/** An attack in a simulation, and the clients that make it. */
export interface SimulatedAttack {
  readonly attack: Attack;
  readonly attackers: ReadonlySet<number>;
}

/** Attackers train anew what so many of them would have reported honestly, at most. */
const largestCoalition = 20;

/** Clients have copies of the model, or views of one. */
const same = (a: Float32Array, b: Float32Array): boolean => equalBytes(floatBytes(a), floatBytes(b));

/**
 * Attackers that collude train anew what others would have reported, from the global model alone.
 * @throws FederatedError BAD_CONFIG where that takes more: what a client keeps from round to round, or a report that is no update
 */
export function checkCollusion(simulated: SimulatedAttack | null, { algorithm }: TrainingPlan): void {
  if (simulated?.attack.colludes !== true || algorithm === undefined || isRepeatable(algorithm.name)) return;
  throw new FederatedError(
    'BAD_CONFIG',
    `attack: ${simulated.attack.name} needs to know what honest clients would report, and cannot for a strategy whose clients do ` +
      `more than train the global model (${algorithm.name}); take sign-flip, noise, scaling, label-flip or backdoor, or another strategy`,
  );
}

const isRepeatable = (name: NonNullable<TrainingPlan['algorithm']>['name']): boolean =>
  name === 'proximal' || name === 'normalised' || name === 'personal-model';

/** What the steps of an honest client's training of the global model are changed by. */
const adjustmentsOf = ({ algorithm }: TrainingPlan, weights: Float32Array): Adjustments | undefined =>
  algorithm?.name === 'proximal' && algorithm.mu !== 0 ? { pull: { mu: algorithm.mu, anchor: weights } } : undefined;

/** What the clients of a simulation do to their updates: null for the honest ones. */
export function tamperingOf(
  simulated: SimulatedAttack | null,
  scene: {
    readonly pool: Pick<TrainingPool, 'train'>;
    readonly parts: readonly Rows[];
    readonly seed: number;
    /** Of the run: a straggler's own may be a part of it. */
    readonly plan: TrainingPlan;
    /** n: clients of a round. */
    readonly cohort: number;
  },
): (client: number) => Tamper | null {
  const tamper = simulated?.attack.tamper;
  if (simulated === null || tamper === undefined) return () => null;
  const { attack, attackers } = simulated;
  const { pool, parts, seed, plan, cohort } = scene;
  const expected = Math.round((cohort * attackers.size) / parts.length);
  const members = [...attackers].slice(0, largestCoalition);
  /** Of the newest round: all attackers ask for the same. */
  let honest: {
    readonly round: number;
    readonly weights: Float32Array;
    readonly updates: Promise<Float32Array[]>;
  } | null = null;

  const coalition = (round: number, weights: Float32Array): Promise<Float32Array[]> => {
    if (honest?.round === round && same(honest.weights, weights)) return honest.updates;
    const updates = Promise.all(
      members.map(async (member) => {
        const { signal } = new AbortController();
        const job = { rows: parts[member]!, weights, plan, round, seed: `${seed}/coalition/${member}` };
        return (await pool.train({ ...job, adjust: adjustmentsOf(plan, weights) }, 0, signal)).delta;
      }),
    );
    honest = { round, weights, updates };
    return updates;
  };

  return (client) => {
    if (!attackers.has(client)) return null;
    return async (update, { round, weights }) => {
      const others = attack.colludes === true ? await coalition(round, weights) : [update.delta];
      const random = seeded(seed, 'attack', client, round);
      const context = { random, coalition: others, reports: cohort, attackers: expected };
      return { ...update, delta: tamper(update.delta, context) };
    };
  };
}
