import type { WaitReason } from '../shared/states.ts';
import { judge, type Conditions, type Readings } from './conditions.ts';
import type { ClientPlatform } from './platform.ts';

/** Of a device that does not say. */
const noReadings: Readings = { charging: null, battery: null, metered: null, idle: null };

/**
 * Looks at the device's condition now and then.
 * @param everyMs - between two looks
 * @param seen - told each time why the device may not train, or null
 * @returns ends the watch
 */
export function watchConditions(
  { clock, readings }: Pick<ClientPlatform, 'clock' | 'readings'>,
  when: Conditions,
  everyMs: number,
  seen: (reason: WaitReason | null) => void,
): () => void {
  let isOver = false;
  let cancel = (): void => {};
  const wait = (): void => {
    cancel = clock.after(everyMs, () => {
      void readings()
        .catch(() => noReadings)
        .then((now) => {
          if (isOver) return;
          seen(judge(when, now));
          if (!isOver) wait();
        });
    });
  };
  wait();
  return () => {
    isOver = true;
    cancel();
  };
}
