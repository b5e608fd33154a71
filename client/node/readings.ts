import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism, loadavg, platform } from 'node:os';
import { join } from 'node:path';
import type { Readings } from '../conditions.ts';

const supplies = '/sys/class/power_supply';

const read = async (...path: string[]): Promise<string | null> => {
  try {
    return (await readFile(join(...path), 'utf8')).trim();
  } catch {
    return null;
  }
};

/** Charger and battery as Linux tells them; a machine without a battery is on mains. Elsewhere unknown. */
async function power(): Promise<Pick<Readings, 'charging' | 'battery'>> {
  if (platform() !== 'linux') return { charging: null, battery: null };
  const names = await readdir(supplies).catch(() => [] as string[]);
  let battery: number | null = null;
  let charging = false;
  for (const name of names) {
    const [type, status, capacity, online] = await Promise.all([
      read(supplies, name, 'type'),
      read(supplies, name, 'status'),
      read(supplies, name, 'capacity'),
      read(supplies, name, 'online'),
    ]);
    if (type === 'Battery' && capacity !== null) battery = Math.min(battery ?? 1, Number(capacity) / 100);
    if (status === 'Charging' || status === 'Full' || (type === 'Mains' && online === '1')) charging = true;
  }
  return battery === null ? { charging: true, battery: 1 } : { charging, battery };
}

/** What this machine says of itself. Idle: the load of the last minute is under half of its cores. */
export async function nodeReadings(): Promise<Readings> {
  const idle = platform() === 'win32' ? null : loadavg()[0]! < availableParallelism() / 2;
  return { ...(await power()), metered: null, idle, hot: null };
}
