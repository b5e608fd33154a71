/** One line of progress on stderr: rewritten in place on a terminal, one plain line a step elsewhere. */
export class Progress {
  readonly #total: number;
  readonly #startedAt: number;
  readonly #now: () => number;
  readonly #first: number;
  #isOver = false;
  readonly #tty = process.stderr.isTTY === true;

  /** @param done - steps that were done before; they do not count for the pace */
  constructor(
    total: number,
    { done = 0, now = () => Date.now() }: { readonly done?: number; readonly now?: () => number } = {},
  ) {
    this.#total = total;
    this.#first = done;
    this.#now = now;
    this.#startedAt = now();
  }

  /** @param text - what to say beside the count */
  step(done: number, text: string): void {
    const line = `round ${done}/${this.#total} ${this.#bar(done)} ${text} ${this.#eta(done)}`;
    process.stderr.write(this.#tty ? `\r\u001b[2K${line}` : `${line}\n`);
    if (this.#tty && done >= this.#total) this.end();
  }

  /** Leaves the line as it is, for what is said next. */
  end(): void {
    if (this.#tty && !this.#isOver) process.stderr.write('\n');
    this.#isOver = true;
  }

  #bar(done: number): string {
    const width = 12;
    const full = Math.round((width * done) / Math.max(1, this.#total));
    return `▕${'█'.repeat(full)}${' '.repeat(width - full)}▏`;
  }

  #eta(done: number): string {
    const steps = done - this.#first;
    if (steps <= 0 || done >= this.#total) return '';
    return `eta ${duration(((this.#now() - this.#startedAt) / steps) * (this.#total - done))}`;
  }
}

/** `4:25`, `1:02:03` @param ms */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const two = (n: number): string => String(n).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
