/** Runs the tasks, at most so many at once; results in the order of the tasks, each as its own promise. */
export function atOnce<T>(limit: number, tasks: readonly (() => Promise<T>)[]): Promise<T>[] {
  const waiting: (() => void)[] = [];
  let running = 0;
  const turn = async (): Promise<void> => {
    if (running++ < limit) return;
    await new Promise<void>((go) => waiting.push(go));
  };
  return tasks.map(async (task) => {
    await turn();
    try {
      return await task();
    } finally {
      running--;
      waiting.shift()?.();
    }
  });
}
