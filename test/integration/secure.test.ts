import { expect } from 'chai';
import type { ProblemDetail } from '../../client/federated-client.ts';
import type { StepName } from '../../server/host.ts';
import { nodePlatform } from '../../client/node/platform.ts';
import type { GeneratorName } from '../../shared/crypto/primitives.ts';
import { runId } from '../../shared/ids.ts';
import { initialWeights } from '../../shared/tasks/initial.ts';
import { cuttable, type Cuttable } from '../helpers/cuttable.ts';
import { Federation, simpleDelta, tinyConfig, tinyTask, type FakeTraining } from '../helpers/federation.ts';
import { newIdentity, primitives, RawClient } from '../helpers/raw-client.ts';
import { bodyOf, rawHalf, takePart } from '../helpers/raw-secure.ts';

const run = runId('tiny-1');

/** FedAvg of simple trainers by hand, in float64: each round has the given seeds; a client has 10 times its seed examples. */
function reference(cohorts: readonly (readonly number[])[]): Float32Array {
  let weights = initialWeights(tinyTask().model, 1);
  for (const seeds of cohorts) {
    const total = seeds.reduce((sum, seed) => sum + 10 * seed, 0);
    weights = weights.map((w, i) => {
      const mean = seeds.reduce((sum, seed) => sum + 10 * seed * simpleDelta(weights, seed)[i]!, 0) / total;
      return w + mean;
    });
  }
  return weights;
}

describe('a federation with secure aggregation', () => {
  let federation: Federation;
  let onStep: (step: StepName) => void = () => {};
  const raws: RawClient[] = [];
  const trainings = new Map<string, number>();

  const begin = async (
    changes: Parameters<typeof tinyConfig>[0] = {},
    options: Parameters<typeof Federation.open>[0] = {},
  ): Promise<void> => {
    trainings.clear();
    federation = await Federation.open({
      onStep: (step) => onStep(step),
      limits: { rejoinGrace: 100, heartbeat: 60_000 },
      ...options,
    });
    await federation.server.operations.create(
      tinyConfig({ rounds: 1, secureAggregation: true, minClients: 6, minReports: 3, ...changes }),
      run,
    );
  };
  /** Clients with the seeds 1 .. n, each of which can lose its network. */
  const join = (n: number, more: FakeTraining = {}): (Cuttable & ReturnType<Federation['join']>)[] =>
    Array.from({ length: n }, (_, i) => {
      const seed = i + 1;
      const network = cuttable();
      const onTrain: FakeTraining['onTrain'] = ({ round }) => {
        trainings.set(`${seed}/${round}`, (trainings.get(`${seed}/${round}`) ?? 0) + 1);
      };
      const training = { examples: 10 * seed, onTrain, ...more };
      return { ...network, ...federation.join({ seed, training, platform: network.platform }) };
    });
  const log = async () => (await federation.server.operations.rounds(run)).map(({ record }) => record);
  const finished = (): Promise<unknown> => federation.state('finished');
  const weights = async () => {
    const observer = federation.join({ seed: 99 });
    await observer.done;
    return (await observer.client.model()).weights;
  };
  const expectModel = async (cohorts: readonly (readonly number[])[]): Promise<void> => {
    const found = await weights();
    // 8 / 2^31 * 8 clients * 1,000,000 / 10: what rounding one client's share may cost, see shared/updates/README.md.
    for (const [i, expected] of reference(cohorts).entries()) expect(found[i]).to.be.closeTo(expected, 3e-3);
  };
  const all = [1, 2, 3, 4, 5, 6];

  afterEach(async () => {
    onStep = () => {};
    for (const each of raws.splice(0)) each.cut();
    await federation.close();
  });

  it('is the default where every round has three clients, and below it is off and says so', async () => {
    await begin({ secureAggregation: undefined, minClients: 3 });
    const { operations } = federation.server;
    expect(await operations.run(run)).to.have.property('secureAggregation', true);
    const two = await operations.create(tinyConfig({ secureAggregation: undefined, minClients: 2 }));
    expect(two).to.have.property('secureAggregation', false);
    const fraction = { minClients: 20, clientFraction: 0.1 }; // two clients in a round
    expect(await operations.create(tinyConfig({ secureAggregation: undefined, ...fraction }))).to.have.property(
      'secureAggregation',
      false,
    );
    const refused = await operations
      .create(tinyConfig({ secureAggregation: true, minClients: 2 }))
      .catch((e: unknown) => e);
    expect(refused).to.include({ code: 'BAD_CONFIG' });
  });

  it('trains the model that the reference gives, and learns neither updates, nor examples, nor metrics of a client', async () => {
    await begin({ rounds: 3 });
    const clients = join(6);
    const outcomes = await Promise.all(clients.map(({ done }) => done));
    for (const each of outcomes) expect(each.map(({ counted }) => counted)).to.deep.equal([true, true, true]);
    await expectModel([all, all, all]);
    for (const { reports, secureAggregation } of await log()) {
      expect(secureAggregation).to.equal(true);
      expect(reports.map(({ examples }) => examples)).to.deep.equal([null, null, null, null, null, null]);
    }
    const [first] = await federation.server.operations.rounds(run);
    expect(first!.metrics).to.include({ 'train/loss': 1, examples: 210 }); // 10 + 20 + ... + 60, as a sum only
    for (const { type, data } of federation.events) {
      if (type === 'report') expect(Object.keys(data)).to.have.members(['client', 'round', 'backend']);
    }
  });

  it('goes on without a client that is killed after it has shared: the sum is that of the others', async () => {
    await begin();
    const clients = join(6);
    onStep = (step) => step === 'shares-closed' && clients[2]!.kill();
    await finished();
    const [record] = await log();
    expect(record).to.include({ result: 'short', attempt: 1 });
    expect(record!.reports).to.have.length(5);
    await expectModel([[1, 2, 4, 5, 6]]);
  });

  it('counts a client that is killed after it has sent its masked update', async () => {
    await begin();
    const clients = join(6);
    onStep = (step) => step === 'sum-masked' && clients[2]!.kill();
    await finished();
    const [record] = await log();
    expect(record).to.include({ result: 'done', attempt: 1 });
    expect(record!.reports).to.have.length(6);
    await expectModel([all]);
  });

  it('survives one killed after sharing, and one after masking, in the same round', async () => {
    await begin({ minClients: 7 }); // seven clients, five shares make a secret
    const clients = join(7);
    onStep = (step) => {
      if (step === 'shares-closed') clients[0]!.kill();
      if (step === 'sum-masked') clients[1]!.kill();
    };
    await finished();
    await expectModel([[2, 3, 4, 5, 6, 7]]);
  });

  it('abandons a round in which too few are left, reveals nothing, and tries again with new keys and the same training', async () => {
    await begin({ minClients: 3, clientsPerRound: 3 }); // three clients, three shares make a secret
    const clients = join(3);
    let cuts = 0;
    onStep = (step) => {
      if (step === 'shares-closed' && cuts++ === 0) clients[0]!.cut();
    };
    await finished();
    const [first, second] = await log();
    expect(first).to.include({ result: 'abandoned', attempt: 1 });
    expect(first!.reason).to.match(/2 of 3 reports, at least 3 needed/);
    expect(first!.weightsAfter).to.equal(first!.weightsBefore);
    expect(second).to.include({ result: 'done', attempt: 2 });
    expect([...trainings.values()]).to.deep.equal([1, 1, 1]);
    await expectModel([[1, 2, 3]]);
  });

  for (const step of ['train-sent', 'adverts-closed', 'shares-closed', 'upload-begun', 'sum-masked'] as const) {
    it(`takes back a client whose connection breaks at the step "${step}", and counts it once`, async () => {
      await begin(
        {},
        { limits: { rejoinGrace: 5_000, heartbeat: 60_000, chunkBytes: 16, windowBytes: 16, ackBytes: 16 } },
      );
      const clients = join(6);
      let cuts = 0;
      onStep = (reached) => {
        if (reached === step && cuts++ === 0) clients[3]!.cut();
      };
      await finished();
      const records = await log();
      expect(records).to.have.length(1);
      expect(records[0]).to.include({ result: 'done', attempt: 1 });
      expect(records[0]!.reports).to.have.length(6);
      expect([...trainings.values()]).to.deep.equal([1, 1, 1, 1, 1, 1]);
      await expectModel([all]);
    });
  }

  it('does not wait for a client that offers its keys and then stands still', async () => {
    await begin({ stepTimeout: 300 });
    join(5);
    const raw = await RawClient.ready(federation.server.joinLink);
    raws.push(raw);
    const train = await raw.next('train');
    const { half, where } = rawHalf(raw, train);
    raw.send({ type: 'advert', ...where, ...(await half.advertise()) });
    await raw.next('roster');
    await finished();
    expect((await log())[0]).to.include({ result: 'short', attempt: 1 });
    await expectModel([[1, 2, 3, 4, 5]]);
  });

  it('takes a whole aggregation from a client of another make, and refuses its second answers', async () => {
    await begin();
    join(5);
    const raw = await RawClient.ready(federation.server.joinLink);
    raws.push(raw);
    await takePart(raw, simpleDelta(initialWeights(tinyTask().model, 1), 6), 60);
    await finished();
    expect((await log())[0]).to.include({ result: 'done', attempt: 1 });
    await expectModel([all]);
  });

  describe('with generators of masks', () => {
    /** Clients that offer AES or not, as told and not as their machine would have it, and one of another make. */
    const train = async (offers: readonly boolean[], encodings: string[]): Promise<unknown> => {
      await begin();
      for (const [i, isAble] of offers.entries()) {
        const generators: GeneratorName[] = isAble ? ['chacha20', 'aes-256-ctr'] : ['chacha20'];
        const platform = { ...nodePlatform({}), generators };
        federation.join({ seed: i + 1, training: { examples: 10 * (i + 1) }, platform });
      }
      const raw = await RawClient.ready(federation.server.joinLink, undefined, encodings);
      raws.push(raw);
      const told = await raw.next('train');
      await takePart(raw, simpleDelta(initialWeights(tinyTask().model, 1), 6), 60);
      await finished();
      expect((await log())[0]).to.include({ result: 'done', attempt: 1 });
      expect((await log())[0]!.reports).to.have.length(6);
      await expectModel([all]);
      return (JSON.parse(told.secagg!) as { generator?: unknown }).generator;
    };
    const able = ['float32', 'masked', 'masked-aes-256-ctr'];
    const five = [true, true, true, true, true];

    it('takes AES where everyone has offered it', async () => expect(await train(five, able)).to.equal('aes-256-ctr'));

    it('takes ChaCha20 where one has not, and tells a client of an older make nothing that it does not know', async () => {
      expect(await train(five, ['float32'])).to.equal(undefined);
    });

    it('takes ChaCha20 where a device is slow at AES', async () => {
      expect(await train([true, true, false, true, true], able)).to.equal(undefined);
    });
  });

  it('refuses a masked report that names examples or metrics beside it', async () => {
    await begin();
    join(5);
    const raw = await RawClient.ready(federation.server.joinLink);
    raws.push(raw);
    const train = await raw.next('train');
    const { half, where } = rawHalf(raw, train);
    raw.send({ type: 'advert', ...where, ...(await half.advertise()) });
    raw.send({ type: 'shares', ...where, ...(await half.share(await bodyOf(raw.next('roster')))) });
    await raw.next('delivery');
    raw.offer(train, { bytes: 4 * JSON.parse(train.secagg!).words, encoding: 'masked', examples: 60 });
    expect((await raw.next('refused')).code).to.equal('BAD_EXAMPLES');
    await finished();
    await expectModel([[1, 2, 3, 4, 5]]);
  });

  describe('with a client that lies', () => {
    const liar = async () => {
      await begin();
      join(5);
      const raw = await RawClient.ready(federation.server.joinLink, newIdentity());
      raws.push(raw);
      const train = await raw.next('train');
      return { raw, train, where: { run: train.run, round: train.round, attempt: train.attempt } };
    };
    const refusal = (raw: RawClient): Promise<string> => raw.next('refused').then(({ code }) => code);
    const others = async (): Promise<void> => {
      await finished();
      expect((await log())[0]!.reports).to.have.length(5);
      await expectModel([[1, 2, 3, 4, 5]]);
    };

    it('by an update in clear: it is refused before a byte of it is sent', async () => {
      const { raw, train } = await liar();
      raw.offer(train);
      expect(await refusal(raw)).to.equal('ROUND_CLOSED');
      raw.cut();
      await others();
    });

    it('by a forged advert', async () => {
      const { raw, where } = await liar();
      raw.send({ type: 'advert', ...where, advert: new Uint8Array(224).fill(7) });
      expect(await refusal(raw)).to.equal('SECAGG_BAD_ADVERT');
      await others();
    });

    it('by answers that nobody asked for', async () => {
      const { raw, where } = await liar();
      raw.send({ type: 'consent', ...where, signature: new Uint8Array(64) });
      expect(await refusal(raw)).to.equal('ROUND_CLOSED');
      await others();
    });

    it('by naming another attempt', async () => {
      const { raw, where } = await liar();
      raw.send({ type: 'advert', ...where, attempt: 9, advert: new Uint8Array(224) });
      expect(await refusal(raw)).to.equal('WRONG_ATTEMPT');
      raw.cut();
      await others();
    });
  });

  it('comes to its end although a client lies so that the sum cannot be unmasked, and tells no difference of two sums', async () => {
    await begin();
    const raw = await RawClient.ready(federation.server.joinLink);
    raws.push(raw);
    onStep = (step) => {
      if (step === 'round-committed') raw.cut();
    };
    join(6); // five of them begin with the liar
    // The fourth hash is what it advertises of its seed. It is wrong, so no shares of it are ever right.
    let calls = 0;
    const sha256 = (bytes: Uint8Array): Uint8Array => (calls++ === 3 ? new Uint8Array(32) : primitives.sha256(bytes));
    takePart(raw, new Float32Array(8), 60, { ...primitives, sha256 }).catch(() => {}); // it is not asked again
    await finished();
    const records = await log();
    expect(records.map(({ result }) => result)).to.deep.equal(['abandoned', 'abandoned', 'done']);
    expect(records[0]!.reason).to.match(/SECAGG_TOO_FEW/);
    const blamed = federation.events.find(({ data }) => data['code'] === 'BAD_SHARE');
    expect(blamed?.message).to.match(/dealt shares from which its secret cannot be put together/);
    // The others have revealed in the first attempt, so they refuse the second, which is over all but one of the same clients,
    // and take part in the third with updates that were trained anew.
    const refused = federation.events.filter(({ data }) => data['code'] === 'SECAGG_DIFFERENCE');
    expect(refused.length).to.be.at.least(3);
    expect(records[2]!.reports).to.have.length(6);
    expect([...trainings.values()].toSorted((a, b) => a - b)).to.deep.equal([1, 2, 2, 2, 2, 2]);
  });

  describe('with clients that demand more', () => {
    const problem = (client: EventTarget): Promise<ProblemDetail> =>
      new Promise((resolve) => {
        client.addEventListener('problem', (event) => resolve((event as CustomEvent<ProblemDetail>).detail));
      });

    it('refuses to take part in smaller sums than they ask for, and says why', async () => {
      await begin();
      const { client } = federation.join({ seed: 1, secureAggregation: { minCohort: 100 } });
      const asked = problem(client);
      join(5);
      expect((await asked).code).to.equal('SECAGG_SMALL_COHORT');
      expect(client.state).to.include({ state: 'ineligible', reason: 'plan-refused' });
    });

    it('refuses a run without secure aggregation where they require it', async () => {
      await begin({ secureAggregation: false, minClients: 3 });
      const { client } = federation.join({ seed: 1, secureAggregation: { required: true } });
      const asked = problem(client);
      join(2);
      expect((await asked).code).to.equal('SECAGG_REQUIRED');
    });

    it('refuses a sum with someone whom they do not know', async () => {
      await begin();
      const { client } = federation.join({ seed: 1, secureAggregation: { peers: ['ab'.repeat(16)] } });
      const asked = problem(client);
      join(5);
      expect((await asked).code).to.equal('SECAGG_UNKNOWN_PEER');
      await finished();
      expect((await log())[0]!.reports).to.have.length(5);
    });
  });

  it('sends what is too long for one frame in parts', async () => {
    const limits = { rejoinGrace: 5_000, heartbeat: 60_000, chunkBytes: 512, windowBytes: 512, ackBytes: 512 };
    await begin({ minClients: 20 }, { limits }); // a roster of 20 times 224 bytes
    join(20);
    await finished();
    expect((await log())[0]).to.include({ result: 'done', attempt: 1 });
    await expectModel([Array.from({ length: 20 }, (_, i) => i + 1)]);
  });

  it('gives the same model twice with the same seeds, though every key is new', async () => {
    const models: string[] = [];
    for (let i = 0; i < 2; i++) {
      if (i > 0) await federation.close();
      await begin({ rounds: 2 });
      join(6);
      await finished();
      models.push((await federation.server.operations.run(run)).weights);
    }
    expect(models[0]).to.equal(models[1]);
  });
});
