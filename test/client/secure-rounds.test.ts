import { expect } from 'chai';
import { Conversation, type SecureStep } from '../../client/conversation.ts';
import { memoryStore } from '../../client/memory-store.ts';
import type { ClientPlatform, ClientStore } from '../../client/platform.ts';
import { SecureRounds, type SecureDemands } from '../../client/secure-rounds.ts';
import type { Job, SecureQuestion } from '../../client/session/types.ts';
import { fromHex, toHex } from '../../shared/bytes.ts';
import { clientIdOf, type Identity } from '../../shared/crypto/identity.ts';
import { usualGenerator } from '../../shared/crypto/primitives.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import { FederatedError } from '../../shared/errors.ts';
import { runId } from '../../shared/ids.ts';
import type { ClientMessage, MessageOf } from '../../shared/protocol/messages.ts';
import { ClientHalf } from '../../shared/secagg/client-half.ts';
import { modelHash } from '../../shared/secagg/context.ts';
import { AttemptLedger } from '../../shared/secagg/ledger.ts';
import { makeSecAggPlan, type SecAggPlan } from '../../shared/secagg/plan.ts';
import { defaultPolicy } from '../../shared/secagg/policy.ts';
import { ServerHalf } from '../../shared/secagg/server-half.ts';
import { DecodedSum } from '../../shared/updates/decode.ts';
import { wordLayout } from '../../shared/updates/layout.ts';
import { unpack } from '../../shared/updates/pack.ts';
import { makeUpdatePlan, updatePlanHash, type UpdatePlan } from '../../shared/updates/plan.ts';
import { MaskAdder } from '../../shared/vector/masking.ts';
import { codeOf, native } from '../helpers/primitives.ts';
import { codeFrom, identities, seededBytes } from '../helpers/secagg.ts';

const dimension = 20;
const server = new Uint8Array(32).fill(0x5e);
const otherServer = new Uint8Array(32).fill(0x07);
const everyone = identities(3);
const noUse = (): never => {
  throw new Error('secure aggregation has no use for this');
};

/** A device with nothing but a store, a generator and a clock that does not wait. */
const device = (name: string | number, store: ClientStore = memoryStore()): ClientPlatform => ({
  primitives: native,
  randomBytes: seededBytes('device', name),
  clock: {
    now: () => 0,
    steady: () => 0,
    after(_, then) {
      const turn = setImmediate(then);
      return () => clearImmediate(turn);
    },
  },
  store,
  openSocket: noUse,
  download: noUse,
  readings: noUse,
  createTrainer: noUse,
});

interface Plans {
  readonly secagg: SecAggPlan;
  readonly update: UpdatePlan;
}
function plansOf(secagg: Partial<SecAggPlan> = {}, update: Partial<Parameters<typeof makeUpdatePlan>[0]> = {}): Plans {
  const plan = makeUpdatePlan({ dimension, maxCohort: 4, clippingNorm: 10, maxExamples: 1_000, ...update });
  const { words } = wordLayout(plan);
  const usual = { maxCohort: 4, modulusBits: plan.modulusBits, words, update: toHex(updatePlanHash(native, plan)) };
  return { secagg: makeSecAggPlan({ ...usual, ...secagg }), update: plan };
}

function jobFor(attempt = 1, round = 1, plans: Plans | null = plansOf(), run = 'r-1'): Job {
  const task = 'a1'.repeat(32);
  const weights = 'b2'.repeat(32);
  return {
    key: `${run}/${round}/${task}/${weights}`,
    run,
    round,
    attempt,
    task,
    weights,
    taskBytes: 1,
    weightsBytes: 4 * dimension,
    control: null,
    plans: plans === null ? null : { secagg: JSON.stringify(plans.secagg), update: JSON.stringify(plans.update) },
  };
}
const plainJob = (run = 'r-1'): Job => jobFor(1, 1, null, run);

const contribution = {
  delta: Float32Array.from({ length: dimension }, (_, i) => (i - 7) / 17),
  examples: 10,
  metrics: {},
};

interface Member {
  readonly identity: Identity;
  readonly rounds: SecureRounds;
}
const members = (
  options: (index: number) => ConstructorParameters<typeof SecureRounds> = (i) => [device(i)],
): Member[] => everyone.map((identity, i) => ({ identity, rounds: new SecureRounds(...options(i)) }));

const sent = <T extends 'advert' | 'shares' | 'consent' | 'reveal'>(
  step: SecureStep | null,
  type: T,
): MessageOf<ClientMessage, T> => {
  if (step === null || !('send' in step)) throw new Error(`expected ${type}, got ${JSON.stringify(step)}`);
  expect(step.send.type).to.equal(type);
  return step.send as MessageOf<ClientMessage, T>;
};
const body = <M extends { type: string; run: string; round: number; attempt: number }>(
  message: M,
): Omit<M, 'type' | 'run' | 'round' | 'attempt'> => {
  const { type: _, run: __, round: ___, attempt: ____, ...rest } = message;
  return rest;
};

/** One attempt of three devices and a server in memory, step by step. */
class Attempt {
  readonly job: Job;
  readonly members: readonly Member[];
  readonly half: ServerHalf;
  readonly #plans: Plans;
  readonly #sum: Uint32Array;

  constructor(everybody: readonly Member[], attempt = 1, round = 1, plans = plansOf()) {
    this.members = everybody;
    this.job = jobFor(attempt, round, plans);
    this.#plans = plans;
    this.#sum = new Uint32Array(plans.secagg.words);
    const model = modelHash(native, fromHex(this.job.task), fromHex(this.job.weights));
    const about = { run: runId(this.job.run), round, attempt, model };
    this.half = new ServerHalf({ primitives: native, plan: plans.secagg, round: about, sum: this.#sum });
  }

  begin({ identity, rounds }: Member): Promise<SecureStep | null> {
    return rounds.begin(this.job, identity, server, contribution);
  }

  /** A question as it comes from the wire: nobody shares memory with anybody. */
  question(type: SecureQuestion['type'], fields: object): SecureQuestion {
    const { run, round, attempt } = this.job;
    return structuredClone({ type, run, round, attempt, ...fields }) as SecureQuestion;
  }

  async roster(): Promise<SecureQuestion> {
    for (const each of this.members) {
      this.half.advert(each.identity.publicKey, body(sent(await this.begin(each), 'advert')));
    }
    return this.question('roster', this.half.closeAdverts());
  }

  async deliveries(roster: SecureQuestion): Promise<SecureQuestion[]> {
    for (const each of this.members) {
      const shares = sent(await each.rounds.answer(this.job, roster), 'shares');
      this.half.shares(this.#position(each), body(shares));
    }
    this.half.closeShares();
    return this.members.map((each) => this.question('delivery', this.half.deliveryFor(this.#position(each))));
  }

  async survivors(deliveries: readonly SecureQuestion[]): Promise<SecureQuestion> {
    const { words, modulusBits } = this.#plans.secagg;
    for (const [i, each] of this.members.entries()) {
      const step = await each.rounds.answer(this.job, deliveries[i]!);
      if (step === null || !('upload' in step)) throw new Error('expected the masked update');
      this.half.masked(this.#position(each), unpack(step.bytes, words, modulusBits));
    }
    return this.question('survivors', this.half.closeMasked());
  }

  async unmasks(survivors: SecureQuestion): Promise<SecureQuestion[]> {
    for (const each of this.members) {
      const consent = sent(await each.rounds.answer(this.job, survivors), 'consent');
      this.half.consent(this.#position(each), body(consent));
    }
    this.half.closeConsents();
    return this.members.map((each) => this.question('unmask', this.half.unmaskFor(this.#position(each))));
  }

  /** The whole attempt. @returns the sum of everyone's words */
  async sum(): Promise<Uint32Array> {
    const roster = await this.roster();
    const unmasks = await this.unmasks(await this.survivors(await this.deliveries(roster)));
    for (const [i, each] of this.members.entries()) {
      const reveal = sent(await each.rounds.answer(this.job, unmasks[i]!), 'reveal');
      this.half.reveal(this.#position(each), body(reveal));
    }
    const { plus, minus } = await this.half.unmask();
    new MaskAdder(this.#sum, this.#plans.secagg.modulusBits).apply(plus, minus);
    return this.#sum;
  }

  #position({ identity }: Member): number {
    return this.half.positionOf(identity.publicKey)!;
  }
}

const errorOf = async (promise: Promise<unknown>): Promise<FederatedError> =>
  promise.then(
    () => {
      throw new Error('nothing was thrown');
    },
    (thrown: unknown) => {
      expect(thrown).to.be.an.instanceOf(FederatedError);
      return thrown as FederatedError;
    },
  );

/** A promise, and what resolves it. */
function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open: () => open() };
}

describe('secure aggregation on a device', () => {
  const alone = (demands?: SecureDemands, store?: ClientStore): SecureRounds =>
    new SecureRounds(device('alone', store), demands);
  const begin = (rounds: SecureRounds, job = jobFor()): Promise<SecureStep | null> =>
    rounds.begin(job, everyone[0]!, server, contribution);

  it('adds up what the devices have, and nothing else comes out', async () => {
    const sum = await new Attempt(members()).sum();
    const decoded = new DecodedSum(plansOf().update, sum, 3);
    expect(decoded.examples).to.equal(30); // 3 devices * 10 examples
    // All three have the same delta, so that it is the mean; a step is 10 / 2^(b - 1), far below 1e-3.
    for (const [i, each] of contribution.delta.entries()) expect(decoded.mean(i)).to.be.closeTo(each, 1e-3);
  });

  describe('before anything is trained', () => {
    const refusals: readonly (readonly [ErrorCode, SecureDemands, Plans])[] = [
      ['SECAGG_SMALL_COHORT', { minCohort: 4 }, plansOf()],
      ['SECAGG_WEAK_THRESHOLD', { minThreshold: [3, 4] }, plansOf()],
      ['SECAGG_WEAK_GRAPH', {}, plansOf({ completeUpTo: 50 })],
      ['SECAGG_SMALL_MODULUS', { minModulusBits: 32 }, plansOf({}, { modulusBits: 24 })],
      ['SECAGG_LOOSE_CLIP', { maxClippingNorm: 5 }, plansOf()],
      ['BAD_PLAN', {}, { ...plansOf(), update: plansOf({}, { clippingNorm: 11 }).update }],
    ];
    for (const [code, demands, plans] of refusals) {
      it(`refuses with ${code}`, async () => {
        expect(await codeFrom(alone(demands).check(jobFor(1, 1, plans), server))).to.equal(code);
      });
    }

    it('refuses an update plan whose sum could overflow, and plans that are none', async () => {
      const job = jobFor();
      const { secagg, update } = job.plans!;
      const changed = JSON.stringify({ ...JSON.parse(update), maxWeight: 1_000_000, quantizationBits: 24 });
      const check = (plans: NonNullable<Job['plans']>): Promise<unknown> =>
        codeFrom(alone().check({ ...job, plans }, server));
      expect(await check({ secagg, update: changed })).to.equal('MODULUS_OVERFLOW');
      expect(await check({ secagg: '{', update })).to.equal('BAD_PLAN');
      expect(await check({ secagg: 'null', update })).to.equal('BAD_PLAN');
    });

    it('refuses masks by a generator that it has not offered, and takes part where it has', async () => {
      const job = jobFor(1, 1, plansOf({ generator: 'aes-256-ctr' }));
      const error = await errorOf(alone().check(job, server));
      expect(error).to.include({ code: 'BAD_PLAN' });
      expect(error.message).to.include('aes-256-ctr makes the masks, but this client has offered chacha20');
      const able: ClientPlatform = { ...device('able'), generators: ['chacha20', 'aes-256-ctr'] };
      await new SecureRounds(able).check(job, server);
    });

    it('takes the default plan, and a run in clear where nobody asks for more', async () => {
      await alone().check(jobFor(), server);
      await alone().check(plainJob(), server);
    });

    it('refuses a run in clear where secure aggregation is required', async () => {
      const error = await errorOf(alone({ required: true }).check(plainJob(), server));
      expect(error).to.include({ code: 'SECAGG_REQUIRED' });
      expect(error.message).to.include('this client asks for it');
      await alone({ required: true }).check(jobFor(), server);
    });

    it('refuses in clear a run that was secure before, of the same server, also after a restart', async () => {
      const store = memoryStore();
      const rounds = alone({}, store);
      await begin(rounds);
      for (const each of [rounds, alone({}, store)]) {
        const error = await errorOf(each.check(plainJob(), server));
        expect(error).to.include({ code: 'SECAGG_REQUIRED' });
        expect(error.message).to.include('this run had it before');
        await each.check(plainJob('r-2'), server);
        await each.check(plainJob(), otherServer);
      }
    });

    it('refuses an attempt that it has taken part in, and takes the next', async () => {
      const store = memoryStore();
      await begin(alone({}, store), jobFor(2, 3));
      const restarted = alone({}, store);
      for (const [attempt, round] of [
        [2, 3],
        [1, 3],
        [9, 2],
      ] as const)
        // prettier-ignore
        expect(await codeFrom(restarted.check(jobFor(attempt, round), server))).to.equal('SECAGG_REPLAY');
      await restarted.check(jobFor(3, 3), server);
      await restarted.check(jobFor(1, 4), server);
      await restarted.check(jobFor(2, 3), otherServer);
    });
  });

  describe('demands', () => {
    it('are numbers by name: compared with anything else every plan would do', () => {
      const wrong: readonly unknown[] = [
        { minCohort: Number.NaN },
        { minCohort: '5' },
        { minCohort: -1 },
        { minThreshold: 0.5 },
        { minThreshold: [2] },
        { minThreshold: [2, Number.NaN] },
        { maxClippingNorm: null },
        { minCohorts: 5 },
      ];
      for (const each of wrong) {
        expect(
          codeOf(() => alone(each as SecureDemands)),
          JSON.stringify(each),
        ).to.equal('BAD_ARGUMENT');
      }
    });

    it('that are left undefined are the default', async () => {
      const rounds = alone({ minCompleteUpTo: undefined } as unknown as SecureDemands);
      expect(await codeFrom(rounds.check(jobFor(1, 1, plansOf({ completeUpTo: 50 })), server))).to.equal(
        'SECAGG_WEAK_GRAPH',
      );
    });
  });

  describe('peers', () => {
    const idOf = ({ publicKey }: Identity): string => clientIdOf(native, publicKey);
    const keyOf = ({ publicKey }: Identity): string => toHex(publicKey);
    /** What the first of three devices says to a roster of all three. */
    const answerTo = async (peers: readonly string[]): Promise<ErrorCode | undefined> => {
      const attempt = new Attempt(members((i) => [device(i), i === 0 ? { peers } : {}]));
      const roster = await attempt.roster();
      return codeFrom(attempt.members[0]!.rounds.answer(attempt.job, roster));
    };
    const [own, second, third] = everyone as [Identity, Identity, Identity];

    it('are known by id or by key, and a device knows itself', async () => {
      expect(await answerTo([idOf(second), keyOf(third)])).to.equal(undefined);
      expect(await answerTo([keyOf(second), idOf(third), idOf(own)])).to.equal(undefined);
    });

    it('who are not on the list are refused', async () => {
      expect(await answerTo([idOf(second)])).to.equal('SECAGG_UNKNOWN_PEER');
      expect(await answerTo([keyOf(own), keyOf(second)])).to.equal('SECAGG_UNKNOWN_PEER');
      expect(await answerTo([])).to.equal('SECAGG_UNKNOWN_PEER');
    });

    it('are 32 or 64 hex digits each', () => {
      for (const peer of ['', 'alice', 'ab'.repeat(15), 'ab'.repeat(33), 'AB'.repeat(16), `${'ab'.repeat(16)}\n`]) {
        expect(
          codeOf(() => alone({ peers: [peer] })),
          peer,
        ).to.equal('BAD_ARGUMENT');
      }
    });
  });

  describe('in an attempt', () => {
    it('gives the same answer to the same question, up to the consent', async () => {
      const attempt = new Attempt(members());
      const [first] = attempt.members as [Member];
      const twice = async (question: SecureQuestion): Promise<void> => {
        const before = await first.rounds.answer(attempt.job, question);
        expect(before).to.not.equal(null);
        expect(await first.rounds.answer(attempt.job, structuredClone(question))).to.deep.equal(before);
      };
      const roster = await attempt.roster();
      await twice(roster);
      const deliveries = await attempt.deliveries(roster);
      await twice(deliveries[0]!);
      const survivors = await attempt.survivors(deliveries);
      await twice(survivors);
      await attempt.unmasks(survivors);
    });

    it('gives the last answer again: the advert, the shares, and then the masked update', async () => {
      const attempt = new Attempt(members());
      const [first] = attempt.members as [Member];
      const again = async (): Promise<string> => {
        const step = await first.rounds.again(attempt.job);
        return step === null ? 'nothing' : 'send' in step ? step.send.type : 'masked';
      };
      expect(await again()).to.equal('nothing');
      const roster = await attempt.roster();
      expect(await again()).to.equal('advert');
      const deliveries = await attempt.deliveries(roster);
      expect(await again()).to.equal('shares');
      const survivors = await attempt.survivors(deliveries);
      expect(await again()).to.equal('masked');
      await attempt.unmasks(survivors);
      expect(await again()).to.equal('masked');
    });

    it('answers a question once although it is asked twice while the answer is being made', async () => {
      const attempt = new Attempt(members());
      const [first] = attempt.members as [Member];
      const both = (question: SecureQuestion): Promise<(SecureStep | null)[]> =>
        Promise.all([first.rounds.answer(attempt.job, question), first.rounds.answer(attempt.job, question)]);
      const roster = await attempt.roster();
      const [one, two] = await both(roster);
      expect(one).to.equal(two);
      const unmasks = await attempt.unmasks(await attempt.survivors(await attempt.deliveries(roster)));
      const [reveal, same] = await both(unmasks[0]!);
      expect(sent(reveal!, 'reveal')).to.equal(sent(same!, 'reveal'));
    });

    it('reveals once', async () => {
      const attempt = new Attempt(members());
      const [first] = attempt.members as [Member];
      const survivors = await attempt.survivors(await attempt.deliveries(await attempt.roster()));
      const [unmask] = await attempt.unmasks(survivors);
      sent(await first.rounds.answer(attempt.job, unmask!), 'reveal');
      expect(await codeFrom(first.rounds.answer(attempt.job, unmask!))).to.equal('SECAGG_REVEALED');
    });

    it('refuses another roster once it has shared, and goes no further', async () => {
      const attempt = new Attempt(members());
      const [first] = attempt.members as [Member];
      const roster = await attempt.roster();
      const deliveries = await attempt.deliveries(roster);
      const other = { ...roster, threshold: 2 } as SecureQuestion;
      expect(await codeFrom(first.rounds.answer(attempt.job, other))).to.equal('SECAGG_STEP');
      expect(await codeFrom(first.rounds.answer(attempt.job, deliveries[0]!))).to.equal('SECAGG_STEP');
    });

    it('refuses another delivery once it has masked, and goes no further', async () => {
      const attempt = new Attempt(members());
      const [first] = attempt.members as [Member];
      const deliveries = await attempt.deliveries(await attempt.roster());
      const survivors = await attempt.survivors(deliveries);
      const other = { ...deliveries[0]!, sharers: Uint8Array.of(3) } as SecureQuestion;
      expect(await codeFrom(first.rounds.answer(attempt.job, other))).to.equal('SECAGG_STEP');
      expect(await codeFrom(first.rounds.answer(attempt.job, survivors))).to.equal('SECAGG_STEP');
    });

    it('has nothing to say to another attempt, nor before or after its own', async () => {
      const attempt = new Attempt(members());
      const [first] = attempt.members as [Member];
      const early = attempt.question('survivors', { survivors: Uint8Array.of(7) });
      expect(await first.rounds.answer(attempt.job, early)).to.equal(null);
      const roster = await attempt.roster();
      expect(await first.rounds.answer(jobFor(2), roster)).to.equal(null);
      expect(await first.rounds.again(jobFor(2))).to.equal(null);
      first.rounds.end();
      expect(await first.rounds.answer(attempt.job, roster)).to.equal(null);
      expect(await first.rounds.again(attempt.job)).to.equal(null);
    });

    it('refuses an update that does not fit the plan before the first answer, and can begin that attempt later', async () => {
      const rounds = alone();
      const beginWith = (changes: Partial<typeof contribution>): Promise<ErrorCode | undefined> =>
        codeFrom(rounds.begin(jobFor(), everyone[0]!, server, { ...contribution, ...changes }));
      expect(await beginWith({ delta: new Float32Array(dimension - 1) })).to.equal('WRONG_SHAPE');
      expect(await beginWith({ delta: new Float32Array(dimension).fill(Number.NaN) })).to.equal('NOT_FINITE');
      expect(await beginWith({ examples: 1_001 })).to.equal('BAD_EXAMPLES');
      expect(await beginWith({})).to.equal(undefined);
    });

    it('checks the plan once more: it may have changed since the training began', async () => {
      const rounds = alone();
      await rounds.check(jobFor(), server);
      const weaker = jobFor(2, 1, plansOf({ completeUpTo: 50 }));
      expect(await codeFrom(begin(rounds, weaker))).to.equal('SECAGG_WEAK_GRAPH');
    });
  });

  describe('when an attempt is given up', () => {
    it('brings nothing more, and fails nobody, while it was still at work', async () => {
      const attempt = new Attempt(members());
      const [first] = attempt.members as [Member];
      const roster = await attempt.roster();
      const answer = first.rounds.answer(attempt.job, roster);
      first.rounds.end();
      expect(await answer).to.equal(null);
    });

    it('brings nothing more when the next has begun meanwhile, which goes on', async () => {
      const old = new Attempt(members());
      const roster = await old.roster();
      const next = new Attempt(old.members, 2);
      const [first] = old.members as [Member];
      const [late, advert] = await Promise.all([first.rounds.answer(old.job, roster), next.begin(first)]);
      expect(late).to.equal(null);
      sent(advert, 'advert');
    });

    it('does not begin at all when it is given up while the ledger is read', async () => {
      const store = memoryStore();
      const reading = gate();
      const slow: ClientStore = { ...store, load: (name) => reading.passed.then(() => store.load(name)) };
      const rounds = alone({}, slow);
      const [first, second] = [begin(rounds), begin(rounds, jobFor(2))];
      reading.open();
      expect(await first).to.equal(null);
      expect(sent(await second, 'advert').attempt).to.equal(2);
      expect(await codeFrom(alone({}, store).check(jobFor(1), server))).to.equal('SECAGG_REPLAY');
    });

    it('stops masking, and overwrites the words', async () => {
      const plans = plansOf();
      const job = jobFor();
      const half = new ClientHalf({
        primitives: native,
        randomBytes: seededBytes('stopped'),
        applyMasks: () => {
          conversation.end(); // in the middle of it
        },
        generators: [usualGenerator],
        identity: everyone[0]!,
        isEnrolled: () => true,
        ledger: new AttemptLedger(),
        policy: defaultPolicy,
        plan: plans.secagg,
        update: plans.update,
        round: {
          run: runId('r-1'),
          round: 1,
          attempt: 1,
          model: modelHash(native, fromHex(job.task), fromHex(job.weights)),
        },
      });
      const words = new Uint32Array(plans.secagg.words).fill(7);
      let made = 0;
      const conversation = new Conversation({
        half,
        job,
        words: () => {
          made++;
          return words;
        },
        modulusBits: 32,
        primitives: native,
        randomBytes: seededBytes('stopped upload'),
      });
      const attempt = new Attempt(members());
      const [first, ...others] = attempt.members as [Member, ...Member[]];
      attempt.half.advert(first.identity.publicKey, body(sent(await conversation.begin(), 'advert')));
      for (const each of others) {
        attempt.half.advert(each.identity.publicKey, body(sent(await attempt.begin(each), 'advert')));
      }
      const roster = attempt.question('roster', attempt.half.closeAdverts());
      const positionOf = ({ identity }: Member): number => attempt.half.positionOf(identity.publicKey)!;
      attempt.half.shares(positionOf(first), body(sent(await conversation.answer(roster), 'shares')));
      for (const each of others) {
        attempt.half.shares(positionOf(each), body(sent(await each.rounds.answer(attempt.job, roster), 'shares')));
      }
      attempt.half.closeShares();
      expect(made).to.equal(0); // no clear words before they are needed
      const delivery = attempt.question('delivery', attempt.half.deliveryFor(positionOf(first)));
      expect(await codeFrom(conversation.answer(delivery))).to.equal('SECAGG_STEP');
      expect(made).to.equal(1);
      expect([...new Set(words)]).to.deep.equal([0]);
    });
  });

  describe('remembers on the device', () => {
    it('what it has taken part in, and stops a replay after a restart', async () => {
      const store = memoryStore();
      const attempt = new Attempt(members((i) => [device(i, i === 0 ? store : memoryStore())]));
      await attempt.sum();
      const restarted = alone({}, store);
      expect(await codeFrom(begin(restarted))).to.equal('SECAGG_REPLAY');
      sent(await begin(restarted, jobFor(2)), 'advert');
    });

    it('each attempt before it says a word of it', async () => {
      const store = memoryStore();
      const saving = gate();
      const reached = gate();
      const slow: ClientStore = {
        ...store,
        async save(name, bytes) {
          reached.open();
          await saving.passed;
          await store.save(name, bytes);
        },
      };
      let said = false;
      const advert = begin(alone({}, slow)).then((step) => {
        said = true;
        return step;
      });
      await reached.passed;
      for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
      expect(said).to.equal(false);
      saving.open();
      sent(await advert, 'advert');
      expect(said).to.equal(true);
    });

    it('the sums of a round: after one of everyone it helps with none that leaves one client out', async () => {
      const store = memoryStore();
      const stores = (i: number): ClientStore => (i === 0 ? store : memoryStore());
      const five = identities(5);
      const attemptOf = (who: readonly Identity[], attempt: number): Attempt =>
        new Attempt(
          who.map((identity, i) => ({ identity, rounds: new SecureRounds(device(`${attempt}/${i}`, stores(i))) })),
          attempt,
          1,
          plansOf({ maxCohort: 8 }, { maxCohort: 8 }),
        );
      await attemptOf(five, 1).sum();
      const second = attemptOf(five.slice(0, 4), 2);
      const survivors = await second.survivors(await second.deliveries(await second.roster()));
      expect(await codeFrom(second.members[0]!.rounds.answer(second.job, survivors))).to.equal('SECAGG_DIFFERENCE');
    });

    it('nothing once it is to forget, even what was just being written', async () => {
      const store = memoryStore();
      const saving = gate();
      const reached = gate();
      const slow: ClientStore = {
        ...store,
        async save(name, bytes) {
          reached.open();
          await saving.passed;
          await store.save(name, bytes);
        },
      };
      const rounds = alone({}, slow);
      const advert = begin(rounds);
      await reached.passed;
      const forgotten = rounds.forget();
      saving.open();
      await forgotten;
      expect(await advert).to.equal(null);
      expect(await store.load('secagg.json')).to.equal(null);
      await alone({}, store).check(jobFor(), server);
    });

    it('writes one line after the other, also of two attempts at once', async () => {
      let writers = 0;
      const store = memoryStore();
      const single: ClientStore = {
        ...store,
        async save(name, bytes) {
          expect(++writers).to.equal(1);
          await new Promise((resolve) => setImmediate(resolve));
          await store.save(name, bytes);
          writers--;
        },
      };
      const rounds = alone({}, single);
      await Promise.all([begin(rounds), begin(rounds, jobFor(2)), begin(rounds, jobFor(3))]);
      expect(await codeFrom(alone({}, store).check(jobFor(3), server))).to.equal('SECAGG_REPLAY');
    });

    it('no more than 4,096 runs, and makes room in those of the server with the most', async function () {
      this.timeout(60_000);
      const lines = Array.from({ length: 4_095 }, (_, i) => [toHex(otherServer), `r-${i}`, 1, 1, [], 0]);
      const store = memoryStore();
      const file = JSON.stringify([[toHex(server), 'r-0', 1, 1, [], 0], ...lines]);
      await store.save('secagg.json', new TextEncoder().encode(file));
      const rounds = alone({}, store);
      await rounds.begin(jobFor(1, 1, plansOf(), 'r-new'), everyone[0]!, otherServer, contribution);
      const restarted = alone({}, store);
      const knows = async (run: string, whose: Uint8Array): Promise<boolean> =>
        (await codeFrom(restarted.check(plainJob(run), whose))) === 'SECAGG_REQUIRED';
      expect(await knows('r-new', otherServer)).to.equal(true);
      expect(await knows('r-0', otherServer)).to.equal(false); // the oldest of the other server
      expect(await knows('r-1', otherServer)).to.equal(true);
      expect(await knows('r-0', server)).to.equal(true); // older than all of these
    });

    it('not all the names of long ago, but that those rounds are over', async () => {
      const names = Array.from({ length: 10_000 }, (_, i) => i.toString(16).padStart(32, '0'));
      const lines = Array.from({ length: 9 }, (_, i) => [toHex(server), `r-${i}`, 5, 1, [names], 0]);
      const store = memoryStore();
      await store.save('secagg.json', new TextEncoder().encode(JSON.stringify(lines)));
      await begin(alone({}, store), jobFor(1, 1, plansOf(), 'r-new'));
      const bytes = (await store.load('secagg.json'))!;
      expect(bytes.length).to.be.below(1_500_000); // three sums of 10,000 names of 35 bytes each
      const restarted = alone({}, store);
      const old = (round: number): Promise<unknown> =>
        codeFrom(restarted.check(jobFor(2, round, plansOf(), 'r-0'), server));
      expect(await old(5)).to.equal('SECAGG_REPLAY');
      expect(await old(6)).to.equal(undefined);
      const recent = jobFor(2, 5, plansOf(), 'r-8');
      expect(await codeFrom(restarted.check(recent, server))).to.equal(undefined);
    });
  });

  describe('with a ledger that it cannot rely on', () => {
    const damaged = [
      '',
      '{}',
      'not JSON',
      '[["server","run",1]]',
      '[["server","run",1.5,1,[],0]]',
      '[[1,"run",1,1,[],0]]',
    ];

    for (const text of damaged) {
      it(`sends nothing, and says that the file is damaged: ${text || 'an empty one'}`, async () => {
        const store = memoryStore();
        await store.save('secagg.json', new TextEncoder().encode(text));
        const rounds = alone({}, store);
        const error = await errorOf(rounds.check(jobFor(), server));
        expect(error).to.include({ code: 'BAD_FILE' });
        expect(error.message).to.include('secagg.json').and.to.include('damaged');
        expect(await codeFrom(rounds.check(plainJob(), server))).to.equal('BAD_FILE');
        expect(await codeFrom(begin(rounds))).to.equal('BAD_FILE');
        expect(new TextDecoder().decode((await store.load('secagg.json'))!)).to.equal(text);
      });
    }

    it('takes part again once the file is mended', async () => {
      const store = memoryStore();
      await store.save('secagg.json', new TextEncoder().encode('['));
      const rounds = alone({}, store);
      expect(await codeFrom(rounds.check(jobFor(), server))).to.equal('BAD_FILE');
      await store.remove('secagg.json');
      await rounds.check(jobFor(), server);
    });

    const failing = (changes: Partial<ClientStore>): ClientStore => ({ ...memoryStore(), ...changes });
    const fault = (): Promise<never> => {
      const error = new Error("EACCES: permission denied, open '/home/someone/secagg.json'");
      return Promise.reject(Object.assign(error, { code: 'EACCES' }));
    };

    it('sends nothing when it cannot be read or written, and does not tell where it lies', async () => {
      for (const store of [failing({ load: fault }), failing({ save: fault })]) {
        const error = await errorOf(begin(alone({}, store)));
        expect(error).to.include({ code: 'BAD_FILE' });
        expect(error.message).to.include('EACCES').and.to.not.include('/home');
      }
    });

    it('reveals nothing of a sum that it cannot keep', async () => {
      const store = memoryStore();
      let isFull = false;
      const filling: ClientStore = { ...store, save: (name, bytes) => (isFull ? fault() : store.save(name, bytes)) };
      const attempt = new Attempt(members((i) => [device(i, i === 0 ? filling : memoryStore())]));
      const survivors = await attempt.survivors(await attempt.deliveries(await attempt.roster()));
      const [unmask] = await attempt.unmasks(survivors);
      isFull = true;
      const [first] = attempt.members as [Member];
      expect(await codeFrom(first.rounds.answer(attempt.job, unmask!))).to.equal('BAD_FILE');
      isFull = false;
      expect(await codeFrom(first.rounds.answer(attempt.job, unmask!))).to.equal('SECAGG_STEP');
    });
  });

  describe('rounds its update', () => {
    const sumOf = (
      seed: number | undefined,
      who: string,
      attempt = 1,
      everybody?: readonly Member[],
    ): Promise<Uint32Array> =>
      new Attempt(everybody ?? members((i) => [device(`${who}/${i}`), {}, seed]), attempt).sum();

    it('with the same noise for the same seed', async () => {
      expect(await sumOf(1, 'a')).to.deep.equal(await sumOf(1, 'b'));
      expect(await sumOf(1, 'a')).to.not.deep.equal(await sumOf(2, 'a'));
    });

    it('with noise of its own without a seed', async () => {
      expect(await sumOf(undefined, 'a')).to.not.deep.equal(await sumOf(undefined, 'b'));
    });

    it('the same way in two attempts, so that their sums tell no more than one', async () => {
      const everybody = members((i) => [device(`twice/${i}`)]);
      const first = await sumOf(undefined, '', 1, everybody);
      expect(await sumOf(undefined, '', 2, everybody)).to.deep.equal(first);
    });
  });
});
