import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { FederatedError } from '../../shared/errors.ts';

/** What a process of a benchmark tells: every message has a type. */
interface Told {
  readonly type: string;
}

const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/** A process of a benchmark, so that its CPU time and memory can be told from the others'. It is spoken to by IPC. */
export class BenchProcess<Message extends Told> {
  readonly #child: ChildProcess;
  readonly #told: Message[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #name: string;
  #exit: number | string | null = null;
  #isStopped = false;

  /** @param name - of the file beside this one, without its extension */
  constructor(name: string, flags: readonly string[] = []) {
    this.#name = name;
    this.#child = fork(fileURLToPath(new URL(`./${name}${extension}`, import.meta.url)), {
      execArgv: [...process.execArgv, ...flags],
      stdio: ['ignore', 2, 2, 'ipc'],
      serialization: 'advanced',
    });
    this.#child.on('error', () => {}); // of a process that has ended: `next` says so
    this.#child.on('message', (message: Message) => {
      this.#told.push(message);
      this.#wake();
    });
    this.#child.once('exit', (code, signal) => {
      this.#exit = code ?? signal;
      this.#wake();
    });
  }

  send(message: unknown): void {
    this.#child.send(message as object);
  }

  /**
   * The next message of this type, in order; each is given once.
   * @throws FederatedError INTERNAL when the process has ended
   */
  async next<T extends Message['type']>(type: T): Promise<Message & { readonly type: T }> {
    for (;;) {
      const at = this.#told.findIndex((message) => message.type === type);
      if (at !== -1) return this.#told.splice(at, 1)[0] as Message & { readonly type: T };
      if (this.#exit !== null) {
        throw new FederatedError('INTERNAL', `bench: the process ${this.#name} ended with ${this.#exit}`);
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    if (this.#exit !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await gone;
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
