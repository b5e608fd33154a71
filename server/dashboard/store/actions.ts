import type { RunView } from '../../operations.ts';
import { download, post } from '../api.ts';
import { dialog, notice, problem, run, runs } from './state.ts';
import { show, touch } from './sync.ts';

/** What an operator can do. Each says on the page why it did not work. */

async function attempt(action: () => Promise<void>): Promise<boolean> {
  problem.value = '';
  try {
    await action();
    return true;
  } catch (error) {
    problem.value = (error as Error).message;
    return false;
  }
}

const steer = (path: string, body?: unknown): Promise<boolean> =>
  attempt(async () => {
    run.value = await post<RunView>(`runs/${run.value!.id}/${path}`, body);
    touch('runs', 'run', 'rounds', 'detail');
  });

export const canPause = (state: string): boolean => state === 'waiting' || state === 'running';
export const canResume = (state: string): boolean => state === 'paused' || state === 'pausing';
export const canStop = (state: string): boolean =>
  ['created', 'waiting', 'running', 'pausing', 'paused'].includes(state);

export const pause = (): Promise<boolean> => steer('pause');
export const resume = (): Promise<boolean> => steer('resume');
export const stop = (now: boolean): Promise<boolean> => steer('stop', { now });

export const exclude = (id: string, excluded: boolean): Promise<boolean> =>
  attempt(async () => {
    await post(`clients/${id}/${excluded ? 'exclude' : 'include'}`);
    touch('clients', 'detail');
  });

export const exportModel = (round: string, format: string): Promise<boolean> =>
  attempt(async () => {
    const name = await download(`runs/${run.value!.id}/export?round=${round}&format=${format}`);
    notice.value = `Saved ${name}.`;
  });

export const createRun = (config: unknown): Promise<boolean> =>
  attempt(async () => {
    const made = await post<RunView>('runs', { config });
    runs.value = [...runs.value, made];
    dialog.value = null;
    notice.value = `Created ${made.id}. ${made.message}`;
    show(made.id);
    touch('runs');
  });
