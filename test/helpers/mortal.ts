import { fork, type ChildProcess } from 'node:child_process';
import { bundle } from './bundle.ts';

/** What a child process says: its `type`, and more. The first word of each is `loaded`. */
interface Word {
  readonly type: string;
}

/** A process that has loaded its code, waits to be told what to do, and may be killed at any moment. */
export class Mortal<M extends Word> {
  readonly process: ChildProcess;
  /** Resolves, with undefined, when it has ended. */
  readonly died: Promise<undefined>;
  readonly #messages: M[] = [];
  readonly #wake = new Set<() => void>();

  /**
   * @param options.flags - of Node
   * @param options.addressSpace - most that the process may map (`ulimit -v`), bytes
   */
  constructor(
    script: string,
    {
      flags = [],
      addressSpace,
      isLoud = true,
    }: { readonly flags?: readonly string[]; readonly addressSpace?: number; readonly isLoud?: boolean } = {},
  ) {
    const limited = [`ulimit -v ${Math.floor((addressSpace ?? 0) / 1024)}; exec "$0" "$@"`, process.execPath];
    this.process = fork(script, {
      ...(addressSpace === undefined ? {} : { execPath: '/bin/sh' }),
      execArgv: [...(addressSpace === undefined ? [] : ['-c', ...limited]), ...flags],
      stdio: ['ignore', 'ignore', isLoud ? 'inherit' : 'ignore', 'ipc'],
    });
    this.died = new Promise((resolve) => this.process.once('exit', () => resolve(undefined)));
    this.process.on('message', (message: M) => {
      this.#messages.push(message);
      for (const wake of this.#wake) wake();
    });
    // A word to a process that is just dying is lost, which is what the tests are about.
    this.process.on('error', () => {});
  }

  /** The first message of this type, past or to come; undefined when the process ends before it has said it. */
  async next<T extends M['type']>(
    type: T,
    fits: (message: Extract<M, { type: T }>) => boolean = () => true,
  ): Promise<Extract<M, { type: T }> | undefined> {
    for (;;) {
      const found = this.#messages.find(
        (each): each is Extract<M, { type: T }> => each.type === type && fits(each as Extract<M, { type: T }>),
      );
      if (found !== undefined) return found;
      let wake = (): void => {};
      const woken = new Promise<'woken'>((resolve) => {
        wake = (): void => resolve('woken');
        this.#wake.add(wake);
      });
      const what = await Promise.race([woken, this.died]);
      this.#wake.delete(wake);
      if (what === undefined) return undefined;
    }
  }

  /** All that it has said of this type. */
  said<T extends M['type']>(type: T): Extract<M, { type: T }>[] {
    return this.#messages.filter((each): each is Extract<M, { type: T }> => each.type === type);
  }

  /** Says something to it, once it has loaded. */
  async tell(word: object): Promise<void> {
    if ((await this.next('loaded' as M['type'])) !== undefined && this.process.connected) this.process.send(word);
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.died;
  }
}

/** Keeps a few processes of one script loaded, so that the next stands ready when one dies. */
export class Nursery<M extends Word> {
  readonly #script: string;
  readonly #wanted: number;
  readonly #ready: Mortal<M>[] = [];

  private constructor(script: string, wanted: number) {
    this.#script = script;
    this.#wanted = wanted;
    this.#fill();
  }

  /** @param script - path from the root of the repository */
  static async of<M extends Word>(script: string, wanted = 1): Promise<Nursery<M>> {
    return new Nursery<M>(await bundle(script), wanted);
  }

  #fill(): void {
    while (this.#ready.length < this.#wanted) this.#ready.push(new Mortal<M>(this.#script));
  }

  take(): Mortal<M> {
    const mortal = this.#ready.shift() ?? new Mortal<M>(this.#script);
    this.#fill();
    return mortal;
  }

  async close(): Promise<void> {
    await Promise.all(this.#ready.splice(0).map((mortal) => mortal.kill()));
  }
}
