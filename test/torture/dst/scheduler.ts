/** One thing that is to happen. */
interface Entry {
  readonly time: number;
  /** Ties happen in the order in which they were asked for. */
  readonly sequence: number;
  run: (() => void) | null;
}

const isBefore = (a: Entry, b: Entry): boolean => a.time < b.time || (a.time === b.time && a.sequence < b.sequence);

/**
 * Lets every promise that can go on do so, before the next thing happens. What has asked for a turn of the event loop (a long
 * sum pauses in between) gets one after every eighth: a turn costs more than all else in most steps.
 */
const settle = (step: number): Promise<void> =>
  new Promise((resolve) => (step % 8 === 0 ? setImmediate(resolve) : process.nextTick(resolve)));

/** Virtual time: what is to happen is kept in a heap, and happens one after the other, however long the pauses between. */
export class Scheduler {
  /** ms since 1970 */
  now: number;
  steps = 0;
  readonly #heap: Entry[] = [];
  #sequence = 0;

  constructor(now: number) {
    this.now = now;
  }

  /** Runs the function once after so many ms of virtual time; the returned function cancels it. */
  after(ms: number, run: () => void): () => void {
    const entry: Entry = { time: this.now + Math.max(0, ms), sequence: this.#sequence++, run };
    this.#push(entry);
    return () => {
      entry.run = null;
    };
  }

  /**
   * Lets things happen until nothing is left, the time is over, or the callback says that it is enough.
   * @param until - ms since 1970
   * @param step - called after each of them
   */
  async run(until: number, step: () => boolean): Promise<void> {
    for (;;) {
      const next = this.#pop();
      if (next === undefined) return;
      if (next.run === null) continue;
      if (next.time > until) {
        this.#push(next);
        this.now = until;
        return;
      }
      this.now = next.time;
      this.steps++;
      next.run();
      await settle(this.steps);
      if (step()) return;
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
