import { expect } from 'chai';
import { concat } from '../../../shared/bytes.ts';
import type { ErrorCode } from '../../../shared/errors.ts';
import { sealParcel } from '../../../shared/secagg/keys.ts';
import { lengths, partAt, type ClientStep } from '../../../shared/secagg/messages.ts';
import { decodePositions, encodePositions } from '../../../shared/secagg/positions.ts';
import { readAdvert, readRoster, sharingStatement } from '../../../shared/secagg/roster.ts';
import { ServerHalf } from '../../../shared/secagg/server-half.ts';
import { codeOf, native } from '../../helpers/primitives.ts';
import {
  Aggregation,
  codeFrom,
  identities,
  type AggregationOptions,
  type Hooks,
  type TestClient,
} from '../../helpers/secagg.ts';
import { damage, forgedAdvert, only, replaced, six, victim, withPosition, without, zeroKey } from './support.ts';

describe('a server against lying clients', () => {
  /** The server refuses the liar, or finds out what it has sent; the others' sum comes out. */
  async function expectExposed(
    code: ErrorCode | null,
    hooks: Hooks,
    blamed: readonly number[] = [],
    options: AggregationOptions = six,
  ): Promise<Aggregation> {
    const attempt = new Aggregation(options);
    const outcome = await attempt.run(hooks);
    expect(outcome.givenUp).to.equal(null);
    expect(outcome.sum).to.deep.equal(attempt.expected());
    expect(outcome.blamed).to.deep.equal(blamed);
    expect(attempt.clients[victim]!.refusedByServer?.code ?? null).to.equal(code);
    for (const { index, refused, refusedByServer } of attempt.clients) {
      if (index !== victim) expect([refused, refusedByServer]).to.deep.equal([undefined, undefined]);
    }
    return attempt;
  }

  it('refuses adverts that are not signed, are for another context, or are those of another', async () => {
    const elsewhere = new Aggregation({ ...six, round: { attempt: 2 } });
    await elsewhere.advertise();
    const foreign = partAt(elsewhere.roster!.adverts, lengths.advert, victim);
    const others: Uint8Array[] = [];
    for (const [code, advert] of [
      [
        'SECAGG_BAD_ADVERT',
        only(({ advert: bytes }: ClientStep<'advert'>) => ({ advert: damage(bytes, 224, 0, 200) })),
      ],
      ['SECAGG_CONTEXT', only(() => ({ advert: foreign }))],
      ['SECAGG_MESSAGE', only(({ advert: bytes }: ClientStep<'advert'>) => ({ advert: bytes.subarray(1) }))],
      [
        'SECAGG_BAD_ADVERT',
        (message: ClientStep<'advert'>, { index }: TestClient) => {
          others.push(message.advert);
          return index === victim ? { advert: others[0]! } : message;
        },
      ],
    ] as const) {
      const attempt = await expectExposed(code, { up: { advert } });
      expect(attempt.server.clients).to.equal(5);
    }
  });

  it('refuses keys that are another’s, one key for two purposes, and keys of low order', async () => {
    const probe = new Aggregation(six);
    await probe.advertise();
    const first = readAdvert(probe.roster!.adverts);
    const own = readAdvert(partAt(probe.roster!.adverts, lengths.advert, victim));
    for (const [code, change] of [
      ['SECAGG_REUSED_ADVERT', { maskKey: first.maskKey }],
      ['SECAGG_REUSED_ADVERT', { maskKey: first.shareKey }],
      ['SECAGG_REUSED_ADVERT', { shareKey: own.maskKey }],
      ['SECAGG_BAD_ADVERT', { maskKey: zeroKey }],
      ['SECAGG_BAD_ADVERT', { shareKey: zeroKey }],
    ] as const) {
      const advert = only(() => ({ advert: forgedAdvert(probe, victim, change) }));
      await expectExposed(code, { up: { advert } });
    }
  });

  it('does not let a client keep another off by advertising its identity, which is public, as a key', async () => {
    const probe = new Aggregation(six);
    await probe.advertise();
    const liar = (index: number): Hooks => ({
      up: {
        advert: only(
          () => ({ advert: forgedAdvert(probe, index, { maskKey: probe.clients[3]!.identity.publicKey }) }),
          index,
        ),
      },
    });
    for (const index of [victim, 4]) {
      const attempt = new Aggregation(six);
      await attempt.advertise(liar(index)); // before client 3, and after it
      expect(attempt.server.clients).to.equal(6);
      await attempt.share();
      for (const each of attempt.clients) if (each.index !== index) expect(each.half.phase).to.equal('shared');
    }
  });

  it('keeps to the first advert of a client: the same again changes nothing, another is refused', async () => {
    const attempt = new Aggregation(six);
    const { identity, half } = attempt.clients[0]!;
    const { advert } = await half.advertise();
    expect(attempt.server.advert(identity.publicKey, { advert })).to.equal(true);
    expect(attempt.server.advert(identity.publicKey, { advert })).to.equal(false);
    const { advert: other } = await new Aggregation({ ...six, seed: 1 }).clients[0]!.half.advertise();
    expect(codeOf(() => attempt.server.advert(identity.publicKey, { advert: other }))).to.equal('SECAGG_REUSED_ADVERT');
  });

  it('refuses shares of the wrong number, or signed for another roster', async () => {
    const signature = identities(6)[victim]!.sign(sharingStatement(new Uint8Array(32)));
    for (const [code, shares] of [
      [
        'SECAGG_MESSAGE',
        only(({ parcels, ...rest }: ClientStep<'shares'>) => ({ ...rest, parcels: parcels.subarray(1) })),
      ],
      [
        'SECAGG_MESSAGE',
        only(({ parcels, ...rest }: ClientStep<'shares'>) => ({ ...rest, parcels: parcels.subarray(lengths.parcel) })),
      ],
      ['SECAGG_ROSTER', only((message: ClientStep<'shares'>) => ({ ...message, signature }))],
      [
        'SECAGG_ROSTER',
        only((message: ClientStep<'shares'>) => ({ ...message, signature: damage(message.signature, 64) })),
      ],
    ] as const) {
      const attempt = await expectExposed(code, { up: { shares } });
      expect(attempt.survivors.length).to.equal(5);
    }
  });

  it('loses a holder, and no more, with a parcel that does not open', async () => {
    // Client 2's parcels to clients 0 and 1 (the first two of its five) are spoilt: five holders of its shares would do, four are left.
    const spoil =
      (...indices: number[]) =>
      (message: ClientStep<'shares'>) => ({
        ...message,
        parcels: indices.reduce((list, index) => damage(list, lengths.parcel, index, 40), message.parcels),
      });
    await expectExposed(null, { up: { shares: only(spoil(0)) } });
    const attempt = new Aggregation(six);
    const { givenUp } = await attempt.run({ up: { shares: only(spoil(0, 1)) } });
    expect(givenUp).to.equal('SECAGG_TOO_FEW');
    expect(attempt.sum).not.to.deep.equal(attempt.expected());
    expect(attempt.server.lost).to.equal(victim);
  });

  it('names a client whose seed is not the one that it has advertised, and unmasks nothing', async () => {
    const sha256 = (data: Uint8Array): Uint8Array =>
      Buffer.from(data).includes('secagg seed') ? new Uint8Array(32) : native.sha256(data);
    const attempt = new Aggregation({
      ...six,
      client: (index) => (index === victim ? { primitives: { ...native, sha256 } } : {}),
    });
    expect((await attempt.run()).givenUp).to.equal('SECAGG_TOO_FEW');
    expect(attempt.sum).not.to.deep.equal(attempt.expected());
    expect(attempt.server.lost).to.equal(victim);
  });

  it('names nobody when it is drop-outs that leave too few shares', async () => {
    const attempt = new Aggregation(six);
    const fates = [0, 1].map((index) => [index, { at: 'reveal', works: true }] as const);
    expect((await attempt.run({}, new Map(fates))).givenUp).to.equal('SECAGG_TOO_FEW');
    expect(attempt.server.lost).to.equal(undefined);
  });

  it('does not take it out on a holder that it was dealt shares which are not its own', async () => {
    // Client 2 seals, for client 0, shares with the x of client 1.
    const attempt = new Aggregation(six);
    await attempt.advertise();
    const { adverts, hash } = readRoster(native, readAdvert(attempt.roster!.adverts).context, attempt.roster!.adverts);
    const shares = only((message: ClientStep<'shares'>, { drawn }) => {
      const shared = native.agree(drawn[1]!, adverts[0]!.shareKey);
      const share = new Uint8Array(lengths.share).fill(2);
      const route = { rosterHash: hash, from: victim, to: 0 };
      return {
        ...message,
        parcels: replaced(message.parcels, 0, sealParcel(native, shared, route, { seed: share, key: share })),
      };
    });
    await attempt.share({ up: { shares } });
    await attempt.mask();
    await attempt.consent();
    await attempt.reveal();
    expect(attempt.clients.map(({ refusedByServer }) => refusedByServer)).to.deep.equal(Array(6).fill(undefined));
    const { sum, blamed } = await attempt.unmask();
    expect(sum).to.deep.equal(attempt.expected());
    expect(blamed).to.deep.equal([]);
  });

  it('finds the holder of a changed share, and the sum is right all the same', async () => {
    for (const list of ['seedShares', 'keyShares'] as const) {
      const attempt = new Aggregation({ ...six, clients: 9 }); // threshold 7
      const gone = new Map([[7, { at: 'vector' as const, works: true }]]);
      const reveal = only(
        (message: ClientStep<'reveal'>) => ({ ...message, [list]: damage(message[list], lengths.share, 0, 1) }),
        0,
      );
      const { sum, blamed } = await attempt.run({ up: { reveal } }, gone);
      expect(sum).to.deep.equal(attempt.expected());
      expect(blamed, list).to.deep.equal([0]);
    }
  });

  it('refuses shares with the x of another holder, or of clients that they are not asked of', async () => {
    for (const [code, change] of [
      [
        'BAD_SHARE',
        ({ seedShares, ...rest }: ClientStep<'reveal'>) => ({
          ...rest,
          seedShares: damage(seedShares, lengths.share, 1, 32),
        }),
      ],
      [
        'BAD_SHARE',
        ({ seedsOf, seedShares, ...rest }: ClientStep<'reveal'>) => ({
          ...rest,
          seedsOf: without(seedsOf, 0),
          keysOf: withPosition(rest.keysOf, 0),
          seedShares: seedShares.slice(33),
          keyShares: seedShares.slice(0, 33),
        }),
      ],
      [
        'SECAGG_MESSAGE',
        ({ seedShares, ...rest }: ClientStep<'reveal'>) => ({ ...rest, seedShares: seedShares.subarray(33) }),
      ],
      [
        'SECAGG_MESSAGE',
        ({ seedsOf, ...rest }: ClientStep<'reveal'>) => ({ ...rest, seedsOf: concat(seedsOf, Uint8Array.of(0)) }),
      ],
      [
        'SECAGG_MESSAGE',
        ({ seedsOf, ...rest }: ClientStep<'reveal'>) => ({ ...rest, seedsOf: withPosition(seedsOf, 6) }),
      ],
    ] as const) {
      await expectExposed(code, { up: { reveal: only(change) } });
    }
  });

  it('refuses a consent to other survivors, or signed by another', async () => {
    const first: Uint8Array[] = [];
    for (const consent of [
      only(({ signature }: ClientStep<'consent'>) => ({ signature: damage(signature, 64) })),
      (message: ClientStep<'consent'>, { index }: TestClient) => {
        first.push(message.signature);
        return index === victim ? { signature: first[0]! } : message;
      },
    ]) {
      await expectExposed('SECAGG_SURVIVORS', { up: { consent } });
    }
  });

  it('takes no shares of one who has not consented', async () => {
    const attempt = new Aggregation(six);
    await attempt.advertise();
    await attempt.share();
    await attempt.mask();
    await attempt.consent({}, new Map([[victim, { at: 'consent', works: true }]]));
    const messages: ClientStep<'reveal'>[] = [];
    const reveal = (message: ClientStep<'reveal'>): ClientStep<'reveal'> => {
      messages.push(message);
      return message;
    };
    await attempt.reveal({ up: { reveal } });
    expect(codeOf(() => attempt.server.reveal(victim, messages[0]!))).to.equal('SECAGG_STEP');
    expect((await attempt.unmask()).sum).to.deep.equal(attempt.expected());
    expect(attempt.server.lost).to.equal(undefined);
  });

  it('gives up when too few consent, and then nobody has revealed anything', async () => {
    const attempt = new Aggregation(six);
    const consent = (message: ClientStep<'consent'>, { index }: TestClient): ClientStep<'consent'> =>
      index < 2 ? { signature: damage(message.signature, 64) } : message;
    expect((await attempt.run({ up: { consent } })).givenUp).to.equal('SECAGG_TOO_FEW');
    expect(attempt.clients.map(({ half }) => half.phase)).to.deep.equal(Array(6).fill('consented'));
  });

  it('takes no vector after the step has closed, a second one, or one of another length, and never learns a late one’s seed', async () => {
    const attempt = new Aggregation(six);
    await attempt.advertise();
    await attempt.share();
    const late = attempt.clients[victim]!;
    const words = new Uint32Array(attempt.plan.words);
    await attempt.mask({
      up: {
        vector: (message, client) => {
          if (client === late) {
            words.set(message);
            return undefined;
          }
          expect(codeOf(() => attempt.server.masked(client.index, message.subarray(1)))).to.equal('WRONG_SHAPE');
          return message;
        },
      },
    });
    expect(attempt.server.takesVectorOf(0)).to.equal(false);
    expect(codeOf(() => attempt.server.masked(0, words))).to.equal('SECAGG_STEP');
    expect(attempt.server.takesVectorOf(victim)).to.equal(true);
    await attempt.consent();
    expect(attempt.server.takesVectorOf(victim)).to.equal(false);
    expect(codeOf(() => attempt.server.masked(victim, words))).to.equal('SECAGG_STEP');
    const seedsOf: number[] = [];
    await attempt.reveal({
      up: {
        reveal: (message) => {
          seedsOf.push(...decodePositions(message.seedsOf, 6));
          expect([...decodePositions(message.keysOf, 6)]).to.deep.equal([victim]);
          return message;
        },
      },
    });
    expect(seedsOf).not.to.include(victim);
    expect((await attempt.unmask()).sum).to.deep.equal(attempt.expected());
    expect(attempt.survivors).not.to.include(late);
  });

  it('takes from a client only what follows what it has sent before', async () => {
    const attempt = new Aggregation(six);
    const gone = new Map([[victim, { at: 'shares' as const, works: false }]]);
    await attempt.advertise();
    await attempt.share({}, gone);
    expect(codeOf(() => attempt.server.masked(victim, new Uint32Array(attempt.plan.words)))).to.equal('SECAGG_STEP');
    await attempt.mask({}, gone);
    await attempt.consent({}, gone);
    const signature = new Uint8Array(64);
    expect(codeOf(() => attempt.server.consent(victim, { signature }))).to.equal('SECAGG_STEP');
  });

  it('takes a message again without counting it twice', async () => {
    const attempt = new Aggregation(six);
    const twice: Record<string, unknown[]> = { shares: [], consent: [], reveal: [] };
    const again =
      <T>(name: string, take: (client: number, message: T) => boolean) =>
      (message: T, { index }: TestClient): undefined => {
        twice[name]!.push(take(index, message), take(index, message));
      };
    const { server } = attempt;
    const { givenUp, sum } = await attempt.run({
      up: {
        shares: again('shares', (client, message: Parameters<typeof server.shares>[1]) =>
          server.shares(client, message),
        ),
        consent: again('consent', (client, message: Parameters<typeof server.consent>[1]) =>
          server.consent(client, message),
        ),
        reveal: again('reveal', (client, message: Parameters<typeof server.reveal>[1]) =>
          server.reveal(client, message),
        ),
      },
    });
    expect(givenUp).to.equal(null);
    expect(sum).to.deep.equal(attempt.expected());
    for (const verdicts of Object.values(twice)) expect(verdicts).to.deep.equal(Array(6).fill([true, false]).flat(1));
  });

  it('takes messages of a step only while it lasts, and hands out only what belongs to it', async () => {
    const attempt = new Aggregation(six);
    const { server } = attempt;
    const words = new Uint32Array(attempt.plan.words);
    const bytes = { signature: new Uint8Array(64), parcels: new Uint8Array(), advert: new Uint8Array(224) };
    const nothing = encodePositions([], 6);
    const reveal = { seedsOf: nothing, seedShares: bytes.parcels, keysOf: nothing, keyShares: bytes.parcels };
    const calls: [string, () => unknown][] = [
      ['advertising', () => server.advert(identities(6)[0]!.publicKey, bytes)],
      ['advertising', () => server.closeAdverts()],
      ['sharing', () => server.shares(0, bytes)],
      ['sharing', () => server.closeShares()],
      ['masking', () => server.deliveryFor(0)],
      ['masking', () => server.masked(0, words)],
      ['masking', () => server.closeMasked()],
      ['consenting', () => server.consent(0, bytes)],
      ['consenting', () => server.closeConsents()],
      ['revealing', () => server.unmaskFor(0)],
      ['revealing', () => server.reveal(0, reveal)],
    ];
    const check = (): void => {
      for (const [phase, call] of calls) {
        if (phase !== server.phase) expect(codeOf(call), `${phase} while ${server.phase}`).to.equal('SECAGG_STEP');
      }
    };
    const steps = ['advertise', 'share', 'mask', 'consent', 'reveal'] as const;
    for (const step of steps) {
      check();
      if (step !== 'reveal') expect(await codeFrom(server.unmask())).to.equal('SECAGG_STEP');
      await attempt[step]();
    }
    check();
    const unmasking = server.unmask(async () => check());
    expect(await codeFrom(server.unmask())).to.equal('SECAGG_STEP');
    await unmasking;
    check();
    expect(await codeFrom(server.unmask())).to.equal('SECAGG_STEP');
    expect(server.phase).to.equal('done');
  });

  it('gives no keys of masks when the attempt is abandoned while it unmasks', async () => {
    for (const pauses of [1, 6]) {
      const attempt = new Aggregation(six);
      await attempt.advertise();
      await attempt.share();
      await attempt.mask();
      await attempt.consent();
      await attempt.reveal();
      let count = 0;
      const pause = async (): Promise<void> => {
        if (++count === pauses) attempt.server.abandon();
      };
      expect(await codeFrom(attempt.server.unmask(pause))).to.be.oneOf(['SECAGG_STEP', 'SECAGG_TOO_FEW']);
      expect(attempt.server.phase).to.equal('failed');
    }
  });

  it('needs a sum of the plan’s length, and a plan that holds', () => {
    const { plan, round, sum } = new Aggregation(six);
    const make = (words: number) => (): unknown =>
      new ServerHalf({ primitives: native, plan, round, sum: new Uint32Array(words) });
    expect(codeOf(make(sum.length))).to.equal(undefined);
    expect(codeOf(make(sum.length - 1))).to.equal('WRONG_SHAPE');
    expect(codeOf(() => new Aggregation({ ...six, plan: { maxCohort: 2 } }))).to.equal('BAD_PLAN');
  });
});
