import type { Clock } from '../../server/host.ts';
import { FederatedError } from '../../shared/errors.ts';

interface Timer {
  readonly at: number;
  readonly isServers: boolean;
  readonly run: () => void;
}

/**
 * Time and wire of a simulated federation. Messages are delivered one after the other in the order in which they were sent, and
 * take no time. Time stands still while anything is being done (training, storing, adding up) and then leaps to the next
 * timer, so that nothing sleeps and the same things happen in the same order however fast the machine is.
 */
export class VirtualWorld {
  #now: number;
  /** The next one last; of the same time the one set first. */
  readonly #timers: Timer[] = [];
  #wire: (() => void)[] = [];
  #busy = 0;
  #serverTimers = 0;
  #wake: () => void = () => {};
  #error: FederatedError | null = null;
  /** Whether an attempt at a round is in progress: without a timer of its own the server is at work then. */
  attemptRuns = false;

  /** @param now - virtual ms since 1970 at which it begins */
  constructor(now = 0) {
    this.#now = now;
  }

  get now(): number {
    return this.#now;
  }

  /** The clock for the server. */
  readonly serverClock: Clock = {
    now: () => this.#now,
    steady: () => this.#now,
    after: (ms, run) => {
      this.#serverTimers++;
      return this.#set(this.#now + ms, run, true);
    },
  };

  /** The clock for the clients. */
  readonly clock: Clock = {
    now: () => this.#now,
    steady: () => this.#now,
    after: (ms, run) => this.#set(this.#now + ms, run, false),
  };

  /** Delivers a message after those that are on their way. */
  post(deliver: () => void): void {
    this.#wire.push(deliver);
    this.#wake();
  }

  /** Time stands still until it has settled. */
  track<T>(work: Promise<T>): Promise<T> {
    this.#busy++;
    const done = (): void => {
      this.#busy--;
      this.#wake();
    };
    work.then(done, done);
    return work;
  }

  /** An object whose asynchronous methods are tracked. */
  tracked<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (_, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          const result: unknown = Reflect.apply(value, target, args);
          return result instanceof Promise ? this.track(result) : result;
        };
      },
    });
  }

  /** Ends `run` with an error. */
  fail(error: FederatedError): void {
    this.#error ??= error;
    this.#wake();
  }

  /**
   * Lets things happen until `isOver` says so.
   * @throws FederatedError what `fail` was given; BAD_STATE when nothing could ever happen any more
   */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      if (this.#error !== null) throw this.#error;
      if (this.#wire.length > 0) this.deliver();
      else if (this.#busy > 0) await this.#change();
      else {
        // What was waiting for the last that was done goes on before the next timer.
        await new Promise((resolve) => setImmediate(resolve));
        const isQuiet = this.#wire.length === 0 && this.#busy === 0 && this.#error === null && !isOver();
        if (isQuiet && !this.#serverIsAtWork()) this.#leap();
      }
    }
    if (this.#error !== null) throw this.#error;
  }

  /** All of the server's timers but its tick are gone while it has an attempt: it is adding up, unmasking, or storing. */
  #serverIsAtWork(): boolean {
    return this.attemptRuns && this.#serverTimers <= 1;
  }

  /** Delivers what is on its way now, and what that brings about. */
  deliver(): void {
    while (this.#wire.length > 0) {
      const messages = this.#wire;
      this.#wire = [];
      for (const deliver of messages) deliver();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #leap(): void {
    const next = this.#timers.pop();
    if (next === undefined || (this.#timers.length === 0 && next.isServers && !this.attemptRuns)) {
      throw new FederatedError(
        'BAD_STATE',
        'simulation: the run waits for clients that never come; fewer are able to train than a round needs',
      );
    }
    this.#now = next.at;
    if (next.isServers) this.#serverTimers--;
    next.run();
  }

  #set(at: number, run: () => void, isServers: boolean): () => void {
    const timer: Timer = { at, isServers, run };
    let [low, high] = [0, this.#timers.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#timers[middle]!.at > at) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer); // before those of the same time, which go first
    this.#wake();
    return () => {
      const place = this.#timers.indexOf(timer);
      if (place < 0) return;
      this.#timers.splice(place, 1);
      if (isServers) this.#serverTimers--;
    };
  }
}
