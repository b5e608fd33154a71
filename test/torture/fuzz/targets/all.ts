import type { Target } from '../target.ts';
import { fileTargets } from './files.ts';
import { httpTarget } from './http.ts';
import { secaggTargets } from './secagg.ts';
import { sessionTargets } from './session.ts';
import { settingsTargets } from './settings.ts';
import { wireTargets } from './wire.ts';

export async function openTargets(): Promise<readonly Target[]> {
  return [
    ...wireTargets,
    ...sessionTargets,
    ...(await secaggTargets()),
    ...settingsTargets,
    ...fileTargets,
    await httpTarget(),
  ];
}

export async function closeTargets(targets: readonly Target[]): Promise<void> {
  for (const target of targets) await target.close?.();
}

/** How many of `inputs` go to a target: in proportion to its weight, at least one for each seed. */
export function shareOf(target: Target, targets: readonly Target[], inputs: number): number {
  const whole = targets.reduce((sum, { weight }) => sum + weight, 0);
  return Math.max(target.seeds.length, Math.round((inputs * target.weight) / whole));
}
