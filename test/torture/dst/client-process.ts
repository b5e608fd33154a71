import { FederatedClient } from '../../../client/federated-client.ts';
import type { ClientPlatform } from '../../../client/platform.ts';
import type { Trainer } from '../../../client/trainer.ts';
import { asFederatedError } from '../../../shared/errors.ts';

export interface ClientWorld {
  readonly platform: ClientPlatform;
  readonly trainer: Trainer;
  readonly url: string;
  readonly stay: boolean;
  readonly watches: boolean;
  problem(code: string, message: string): void;
  /** `join` is over: by itself, by leaving, or for this reason. */
  over(reason: string | null): void;
}

/** A real client in a simulated process. */
export class ClientProcess {
  readonly #abort = new AbortController();

  constructor(world: ClientWorld) {
    const { platform, trainer, url, stay, watches } = world;
    const client = new FederatedClient(
      {
        url,
        trainer,
        stay,
        consent: 'given',
        data: ({ task }) => ({ xs: new Float32Array(task.data.features[0]!), ys: new Float32Array(1) }),
        ...(watches ? { when: { charging: true }, checkEvery: 800 } : {}),
      },
      platform,
    );
    client.addEventListener('problem', (event) => {
      const { code, message } = (event as CustomEvent<{ code: string; message: string }>).detail;
      world.problem(code, message);
    });
    const join = async (): Promise<void> => {
      for await (const _ of client.join({ signal: this.#abort.signal }));
    };
    join().then(
      () => world.over(null),
      (thrown: unknown) => world.over(asFederatedError(thrown).message),
    );
  }

  leave(): void {
    this.#abort.abort();
  }
}
