import type { WaitReason } from '../shared/states.ts';
import { judge, type Conditions, type Readings } from './conditions.ts';
import type { ClientPlatform } from './platform.ts';

/** Of a device that does not say. */
const noReadings: Readings = { charging: null, battery: null, metered: null, idle: null, hot: null };

/**
 * Looks at the device's condition now and then, and whenever the device says that it may have changed.
 * @param everyMs - between two looks
 * @param seen - told each time why the device may not train, or null
 * @returns ends the watch
 */
export function watchConditions(
  platform: Pick<ClientPlatform, 'clock' | 'readings' | 'watchReadings'>,
  when: Conditions,
  everyMs: number,
  seen: (reason: WaitReason | null) => void,
): () => void {
  let isOver = false;
  let cancel = (): void => {};
  const look = async (): Promise<void> => {
    cancel();
    const now = await platform.readings().catch(() => noReadings);
    if (isOver) return;
    seen(judge(when, now));
    if (!isOver) wait();
  };
  const wait = (): void => {
    cancel();
    cancel = platform.clock.after(everyMs, () => void look());
  };
  const unwatch = platform.watchReadings?.(() => void look());
  wait();
  return () => {
    isOver = true;
    unwatch?.();
    cancel();
  };
}
