import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FederatedClient } from '../../../client/federated-client.ts';
import { nodePlatform } from '../../../client/node/platform.ts';
import type { ClientPlatform } from '../../../client/platform.ts';
import type { TrainRequest } from '../../../client/trainer.ts';
import type { StepName } from '../../../server/host.ts';
import type { RoundRecord } from '../../../shared/round-log.ts';
import { simpleClient, tinyConfig } from '../../helpers/federation.ts';
import type { MortalMessage } from '../../helpers/mortal-server.ts';
import { Nursery, type Mortal } from '../../helpers/mortal.ts';
import type { ClientMessage } from './mortal-client.ts';
import type { Story } from './story.ts';

/** When a server dies: by its own hand at a step, or by another's so many ms after it was told to start. */
export type ServerKill = { readonly step: StepName; readonly count: number } | { readonly afterMs: number };

/** When a client's process dies: so many ms after it was told to join. */
export interface ClientKill {
  readonly client: number;
  readonly afterMs: number;
}

export interface Disturbances {
  readonly rounds: number;
  readonly secureAggregation: boolean;
  readonly server: readonly ServerKill[];
  readonly client?: readonly ClientKill[];
  /** How long each training lasts, ms. */
  readonly trainingMs?: number;
}

const clients = [1, 2, 3] as const;

/** Node, but with a client's pauses four times shorter: most of what a kill costs is waiting to connect again. */
function impatient(): ClientPlatform {
  const platform = nodePlatform({});
  const { clock } = platform;
  return { ...platform, clock: { ...clock, after: (ms, run) => clock.after(ms / 4, run) } };
}

/** Loaded servers and clients, and whole runs through which they are killed. */
export class Lives {
  readonly #servers: Nursery<MortalMessage>;
  #clients: Promise<Nursery<ClientMessage>> | null = null;

  private constructor(servers: Nursery<MortalMessage>) {
    this.#servers = servers;
  }

  /** @param ready - servers that stand loaded */
  static async open(ready: number): Promise<Lives> {
    return new Lives(await Nursery.of<MortalMessage>('test/helpers/mortal-server.ts', ready));
  }

  async close(): Promise<void> {
    await this.#servers.close();
    await (await this.#clients)?.close();
  }

  /**
   * A whole run with three clients; each kill is followed at once by a new start on the same folder and port.
   * @param patience - a run that is not over by then is stuck, ms
   */
  async run(
    { rounds, secureAggregation, server: serverKills, client, trainingMs = 0 }: Disturbances,
    patience = 50_000,
  ): Promise<Story> {
    const dataDir = await mkdtemp(join(tmpdir(), 'fedloom-kill-'));
    const trainings = new Map<string, number>();
    const told: { round: number; weights: string | undefined }[] = [];
    const trained = (id: number, round: number): void => {
      const key = `${id}/${round}`;
      trainings.set(key, (trainings.get(key) ?? 0) + 1);
    };
    const abort = new AbortController();
    let joined: Promise<unknown> = Promise.resolve();
    let server = this.#servers.take();
    const alive = new Set<Mortal<ClientMessage>>();

    /** Starts it, and kills it when its time has come. Resolves when it listens or is dead. */
    const live = async (port: number, kill: ServerKill | null) => {
      const step = kill !== null && 'step' in kill ? kill : null;
      await server.tell({ dataDir, port, kill: step });
      if (kill !== null && 'afterMs' in kill) {
        const doomed = server;
        const later = sleep(kill.afterMs).then(() => doomed.kill());
        later.catch(() => {});
      }
      return server.next('listening');
    };

    /** A client's process through all its deaths. */
    const liveAsClient = async (url: string, seed: number, kills: readonly ClientKill[]): Promise<void> => {
      const stateDir = join(dataDir, `client-${seed}`);
      for (const kill of [...kills, null]) {
        const process = (await this.#loadedClients()).take();
        alive.add(process);
        process.process.on('message', (message: ClientMessage) => {
          if (message.type === 'training') trained(seed, message.round);
          else if (message.type === 'committed') told.push(message);
        });
        await process.tell({ url, seed, stateDir, trainingMs });
        const finished = process.next('finished');
        if (kill !== null) {
          await Promise.race([finished, sleep(kill.afterMs)]);
          await process.kill();
        } else if ((await finished) === undefined) throw new Error('a client ended by itself');
        else await process.kill();
        alive.delete(process);
      }
    };

    /** A client in this process. */
    const liveHere = async (url: string, seed: number): Promise<void> => {
      const training = {
        onTrain: ({ round }: TrainRequest) => trained(seed, round),
        ...(trainingMs === 0 ? {} : { before: () => sleep(trainingMs) }),
      };
      const here = new FederatedClient(simpleClient({ url, seed, training }), impatient());
      for await (const { round, weights } of here.join({ signal: abort.signal })) told.push({ round, weights });
    };

    try {
      // The first life begins undisturbed, since somebody has to make the run and hear the port.
      const first = await live(0, serverKills[0] !== undefined && 'step' in serverKills[0] ? serverKills[0] : null);
      if (first === undefined) throw new Error('the first server ended before it listened');
      const { port, adminToken, joinLink } = first;
      await server.tell(tinyConfig({ rounds, minReports: 3, evaluateEvery: 1, secureAggregation }));
      await server.next('created');
      joined = Promise.all(
        clients.map((seed) =>
          client === undefined
            ? liveHere(joinLink, seed)
            : liveAsClient(
                joinLink,
                seed,
                client.filter((kill) => kill.client === seed),
              ),
        ),
      );
      joined.catch(() => {});
      if (serverKills[0] !== undefined && 'afterMs' in serverKills[0]) {
        await sleep(serverKills[0].afterMs);
        await server.kill();
      }
      const resumedAt: number[] = [];
      for (let i = 1; i <= serverKills.length; i++) {
        // A step that does not come any more, since the run is over, kills nobody.
        await Promise.race([server.died, joined]);
        await server.kill();
        server = this.#servers.take();
        // It may reach the next step, and die, before it can say anything.
        if ((await live(port, serverKills[i] ?? null)) === undefined) continue;
        const said = await server.next('started');
        if (said !== undefined && said.resumedAt !== null) resumedAt.push(said.resumedAt);
      }
      const isOver = joined.then(() => true); // each client ends when it hears that the run is finished
      if (!(await Promise.race([isOver, sleep(patience, false, { ref: false })]))) throw new Error('the run is stuck');
      const response = await fetch(`http://127.0.0.1:${port}/api/runs/tiny-1/log`, {
        headers: { authorization: `Bearer ${adminToken}` },
      });
      const { records } = (await response.json()) as { records: RoundRecord[] };
      const kills = { server: serverKills.length, client: client?.length ?? 0 };
      return { rounds, clients: clients.length, records, trainings, told, resumedAt, kills };
    } finally {
      abort.abort();
      await Promise.all([server, ...alive].map((each) => each.kill()));
      await joined.catch(() => {});
      await rm(dataDir, { recursive: true, force: true });
    }
  }

  #loadedClients(): Promise<Nursery<ClientMessage>> {
    this.#clients ??= Nursery.of<ClientMessage>('test/torture/kills/mortal-client.ts', 2);
    return this.#clients;
  }
}
