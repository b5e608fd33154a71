import { expect } from 'chai';
import type { ProblemDetail } from '../../client/federated-client.ts';
import { nodePlatform } from '../../client/node/platform.ts';
import { memoryStore } from '../../client/memory-store.ts';
import type { ClientPlatform, ClientStore } from '../../client/platform.ts';
import type { StepName } from '../../server/host.ts';
import { runId } from '../../shared/ids.ts';
import { Federation, tinyConfig } from '../helpers/federation.ts';

const run = runId('tiny-1');

describe('a client in a round with secure aggregation', () => {
  let federation: Federation;
  let onStep: (step: StepName) => void = () => {};

  beforeEach(async () => {
    federation = await Federation.open({
      onStep: (step) => onStep(step),
      limits: { rejoinGrace: 100, heartbeat: 60_000 },
    });
    await federation.server.operations.create(
      tinyConfig({ rounds: 1, secureAggregation: true, minClients: 4, minReports: 3, maxExamples: 1_000 }),
      run,
    );
  });
  afterEach(async () => {
    onStep = () => {};
    await federation.close();
  });

  const withStore = (store: ClientStore): ClientPlatform => ({ ...nodePlatform({}), store });
  const joinOthers = (): void => {
    for (const seed of [2, 3, 4]) federation.join({ seed });
  };
  const problem = (client: EventTarget): Promise<ProblemDetail> =>
    new Promise((resolve) => {
      client.addEventListener('problem', (event) => resolve((event as CustomEvent<ProblemDetail>).detail));
    });
  const counted = async (): Promise<number> => {
    await federation.state('finished');
    const rounds = await federation.server.operations.rounds(run);
    return rounds.at(-1)!.record.reports.length;
  };

  for (const step of ['adverts-closed', 'shares-closed', 'sum-masked', 'consents-closed'] as const) {
    it(`leaves nothing on the device when consent is revoked at the step "${step}"`, async () => {
      const store = memoryStore();
      const { client, done } = federation.join({ seed: 1, consent: 'required', platform: withStore(store) });
      const problems: ProblemDetail[] = [];
      client.addEventListener('problem', (event) => problems.push((event as CustomEvent<ProblemDetail>).detail));
      const revoked = new Promise<void>((resolve, reject) => {
        onStep = (reached) => {
          if (reached === step) client.consent.revoke().then(resolve, reject);
        };
      });
      await client.consent.grant();
      joinOthers();
      await revoked;
      await done;
      for (const name of ['secagg.json', 'identity.seed', 'model.bin', 'update.bin']) {
        expect(await store.load(name), name).to.equal(null);
      }
      expect(client.state.state).to.equal('needs-consent');
      expect(problems).to.deep.equal([]);
    });
  }

  it('goes no further with a ledger that cannot be written, says so, and the others go on', async () => {
    const full: ClientStore = {
      ...memoryStore(),
      save: (name) => (name === 'secagg.json' ? Promise.reject(new Error('the disk is full')) : Promise.resolve()),
    };
    const { client } = federation.join({ seed: 1, platform: withStore(full) });
    const asked = problem(client);
    joinOthers();
    expect(await asked).to.include({ code: 'BAD_FILE' });
    expect(await counted()).to.equal(3);
  });

  it('trains nothing with a ledger that is damaged', async () => {
    const store = memoryStore();
    await store.save('secagg.json', new TextEncoder().encode('damaged'));
    let trainings = 0;
    const training = { onTrain: () => void trainings++ };
    const { client } = federation.join({ seed: 1, training, platform: withStore(store) });
    const asked = problem(client);
    joinOthers();
    expect(await asked).to.include({ code: 'BAD_FILE' });
    expect(await counted()).to.equal(3);
    expect(trainings).to.equal(0);
  });

  it('drops out before it has promised anything when it has more examples than the plan takes', async () => {
    const { client } = federation.join({ seed: 1, training: { examples: 1_001 } });
    const asked = problem(client);
    joinOthers();
    expect(await asked).to.include({ code: 'BAD_EXAMPLES' });
    expect(await counted()).to.equal(3);
  });

  it('is none when it has left while it was still entering', async () => {
    let opened = 0;
    const platform = nodePlatform({});
    const { client, done } = federation.join({
      seed: 1,
      platform: {
        ...platform,
        openSocket(...given) {
          opened++;
          return platform.openSocket(...given);
        },
      },
    });
    client.leave();
    expect(await done).to.deep.equal([]);
    expect(opened).to.equal(0);
  });

  it('ends its joining when it leaves instead of giving consent', async () => {
    const { client, done } = federation.join({ seed: 1, consent: 'required' });
    await new Promise<void>((resolve) => {
      client.addEventListener('state', () => resolve(), { once: true });
    });
    expect(client.state.state).to.equal('needs-consent');
    client.leave();
    expect(await done).to.deep.equal([]);
  });
});
