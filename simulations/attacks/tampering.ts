import { equalBytes } from '../../shared/bytes.ts';
import { seeded } from '../../shared/random.ts';
import type { Task } from '../../shared/tasks/task.ts';
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

/** What the clients of a simulation do to their updates: null for the honest ones. */
export function tamperingOf(
  simulated: SimulatedAttack | null,
  scene: {
    readonly pool: Pick<TrainingPool, 'train'>;
    readonly parts: readonly Rows[];
    readonly seed: number;
    /** n: clients of a round. */
    readonly cohort: number;
  },
): (client: number) => Tamper | null {
  const tamper = simulated?.attack.tamper;
  if (simulated === null || tamper === undefined) return () => null;
  const { attack, attackers } = simulated;
  const { pool, parts, seed, cohort } = scene;
  const expected = Math.round((cohort * attackers.size) / parts.length);
  const members = [...attackers].slice(0, largestCoalition);
  /** Of the newest round: all attackers ask for the same. */
  let honest: {
    readonly round: number;
    readonly weights: Float32Array;
    readonly updates: Promise<Float32Array[]>;
  } | null = null;

  const coalition = (round: number, weights: Float32Array, task: Task): Promise<Float32Array[]> => {
    if (honest?.round === round && same(honest.weights, weights)) return honest.updates;
    const { signal } = new AbortController();
    const updates = Promise.all(
      members.map(async (member) => {
        const job = { rows: parts[member]!, weights, plan: task.training, round, seed: `${seed}/coalition/${member}` };
        return (await pool.train(job, 0, signal)).delta;
      }),
    );
    honest = { round, weights, updates };
    return updates;
  };

  return (client) => {
    if (!attackers.has(client)) return null;
    return async (update, { round, weights, task }) => {
      const others = attack.colludes === true ? await coalition(round, weights, task) : [update.delta];
      const random = seeded(seed, 'attack', client, round);
      const context = { random, coalition: others, reports: cohort, attackers: expected };
      return { ...update, delta: tamper(update.delta, context) };
    };
  };
}
