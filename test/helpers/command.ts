import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `fedloom ...` in processes of their own, straight from the sources. */

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const running = new Set<RunningCommand>();

/** Ends what a test that failed has left running; otherwise the tests would never end. To be called in a suite, before `useFolder`, so that none writes into a folder that is being removed. */
export function endCommandsAfterEach(): void {
  afterEach(() => Promise.all([...running].map((command) => command.kill())));
}

/** A command that is running. */
export class RunningCommand {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
  #out = '';
  #err = '';
  readonly #waiting = new Set<() => void>();

  constructor(args: readonly string[], { cwd, env = {} }: CommandOptions = {}) {
    const loader = createRequire(import.meta.url).resolve('tsx'); // by its path, since the folder may be another
    this.child = spawn(process.execPath, [`--import=${loader}`, join(root, 'cli.ts'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    const heard = (): void => {
      for (const look of this.#waiting) look();
    };
    this.child.stdout!.on('data', (data: Buffer) => {
      this.#out += data.toString();
      heard();
    });
    this.child.stderr!.on('data', (data: Buffer) => {
      this.#err += data.toString();
      heard();
    });
    running.add(this);
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      running.delete(this);
      heard();
      return { code: code as number | null, signal: signal as NodeJS.Signals | null, out: this.#out, err: this.#err };
    });
  }

  /** Resolves with what the pattern finds in stderr, now or later. Rejects when the command ends without it. */
  said(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#found(() => pattern.exec(this.#err), pattern.source);
  }

  /** The one JSON object of a command that goes on afterwards. */
  async json<T>(): Promise<T> {
    const [line] = await this.#found(() => /^.*\n/.exec(this.#out), 'a line on stdout');
    return JSON.parse(line) as T;
  }

  #found(look: () => RegExpExecArray | null, what: string): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const again = (): void => {
        const found = look();
        const isOver = this.child.exitCode !== null || this.child.signalCode !== null;
        if (found === null && !isOver) return;
        this.#waiting.delete(again);
        if (found !== null) resolve(found);
        else reject(new Error(`the command ended without ${what}: ${this.#err}`));
      };
      this.#waiting.add(again);
      again();
    });
  }

  /** Ends it at once, if it has not ended. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

/** Runs a command to its end. */
export const fedloom = (args: readonly string[], options?: CommandOptions): Promise<Outcome> =>
  new RunningCommand(args, options).ended;

/** stdout as exactly one JSON object. */
export function jsonOf<T>({ out }: Outcome): T {
  if (out.indexOf('\n') !== out.length - 1) throw new Error(`expected one line, got ${JSON.stringify(out)}`);
  return JSON.parse(out) as T;
}
