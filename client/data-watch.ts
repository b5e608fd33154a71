import type { ClientPlatform } from './platform.ts';

/**
 * Looks now and then whether there are enough examples, until there are.
 * @param every - ms
 * @param hasEnough - one that throws may give an answer later: what is wrong is told when data is asked for a round
 * @param isWanted - whether anybody waits for them still
 * @returns ends the watch
 */
export function watchData(
  { clock }: Pick<ClientPlatform, 'clock'>,
  every: number,
  hasEnough: (signal: AbortSignal) => Promise<boolean>,
  isWanted: () => boolean,
  enough: () => void,
): () => void {
  const ended = new AbortController();
  let cancel = (): void => {};
  const look = async (): Promise<void> => {
    const isEnough = await hasEnough(ended.signal).catch(() => false);
    if (ended.signal.aborted || !isWanted()) return;
    if (isEnough) enough();
    else wait();
  };
  const wait = (): void => {
    cancel = clock.after(every, () => void look());
  };
  wait();
  return () => {
    ended.abort();
    cancel();
  };
}
