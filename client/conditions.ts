import type { WaitReason } from '../shared/states.ts';

/** When this device may train. All that is set must hold. */
export interface Conditions {
  readonly charging?: boolean;
  /** 0 to 1; a device on mains has a full battery. */
  readonly minBattery?: number;
  readonly unmetered?: boolean;
  readonly idle?: boolean;
  /** Not while the device is so hot that it slows itself down. */
  readonly cool?: boolean;
  /** What to do where the device cannot tell. Default: `allow`. */
  readonly unknown?: 'allow' | 'deny';
}

/** What the device says of itself; null where it cannot tell. */
export interface Readings {
  readonly charging: boolean | null;
  /** 0 to 1 */
  readonly battery: number | null;
  readonly metered: boolean | null;
  readonly idle: boolean | null;
  readonly hot: boolean | null;
}

/** Why this device may not train now, or null when it may. Pure. */
export function judge(when: Conditions, readings: Readings): WaitReason | null {
  const unknownHolds = (when.unknown ?? 'allow') === 'allow';
  const holds = (reading: boolean | null): boolean => reading ?? unknownHolds;
  if (when.charging === true && !holds(readings.charging)) return 'not-charging';
  if (when.minBattery !== undefined) {
    const enough = readings.battery === null ? null : readings.battery >= when.minBattery;
    if (!holds(enough)) return 'low-battery';
  }
  if (when.unmetered === true && !holds(readings.metered === null ? null : !readings.metered)) return 'metered';
  if (when.idle === true && !holds(readings.idle)) return 'not-idle';
  if (when.cool === true && !holds(readings.hot === null ? null : !readings.hot)) return 'too-hot';
  return null;
}
