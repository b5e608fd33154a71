import { faultKinds, planOf, type PlanChanges } from './plan.ts';
import { World } from './world.ts';

/** The command that shows one world again. */
export function commandOf(
  seed: number,
  { without = [], more = [], clients, rounds, secure, buffered }: PlanChanges,
): string {
  const parts = [`npm run torture -- dst --seed ${seed}`];
  if (secure === true) parts.push('--secure');
  if (buffered === true) parts.push('--buffered');
  if (without.length > 0) parts.push(`--without ${without.join(',')}`);
  if (more.length > 0) parts.push(`--more ${more.join(',')}`);
  if (clients !== undefined) parts.push(`--clients ${clients}`);
  if (rounds !== undefined) parts.push(`--rounds ${rounds}`);
  return `${parts.join(' ')} --verbose`;
}

const fails = async (seed: number, changes: PlanChanges): Promise<boolean> =>
  (await new World(planOf(seed, changes)).run()).violation !== null;

/** Leaves out what a failing world does not need to fail: kinds of faults, then clients, then rounds. */
export async function shrink(seed: number, changes: PlanChanges = {}): Promise<PlanChanges> {
  let smallest = changes;
  for (const kind of faultKinds) {
    if (planOf(seed, smallest).faults[kind] === undefined) continue;
    const next = { ...smallest, without: [...(smallest.without ?? []), kind] };
    if (await fails(seed, next)) smallest = next;
  }
  const { clients, config } = planOf(seed, smallest);
  const { minClients = 1, rounds = 1 } = config;
  for (let count = minClients; count < clients; count++) {
    if (!(await fails(seed, { ...smallest, clients: count }))) continue;
    smallest = { ...smallest, clients: count };
    break;
  }
  for (let count = 1; count < rounds; count++) {
    if (!(await fails(seed, { ...smallest, rounds: count }))) continue;
    smallest = { ...smallest, rounds: count };
    break;
  }
  return smallest;
}
