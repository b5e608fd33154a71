import { expect } from 'chai';
import { concat, equalBytes } from '../../../shared/bytes.ts';
import type { Primitives } from '../../../shared/crypto/primitives.ts';
import type { ErrorCode } from '../../../shared/errors.ts';
import { ClientHalf, type ClientHalfOptions } from '../../../shared/secagg/client-half.ts';
import { contextHash } from '../../../shared/secagg/context.ts';
import { pairMaskKey } from '../../../shared/secagg/keys.ts';
import { AttemptLedger, type LedgerEntry } from '../../../shared/secagg/ledger.ts';
import { lengths, partAt, type ServerStep } from '../../../shared/secagg/messages.ts';
import { secaggPlanHash } from '../../../shared/secagg/plan.ts';
import { decodePositions, encodePositions } from '../../../shared/secagg/positions.ts';
import { readAdvert, readRoster, sharingStatement } from '../../../shared/secagg/roster.ts';
import { MaskAdder } from '../../../shared/vector/masking.ts';
import { native } from '../../helpers/primitives.ts';
import {
  Aggregation,
  codeFrom,
  identities,
  type AggregationOptions,
  type DropOut,
  type Hooks,
} from '../../helpers/secagg.ts';
import {
  damage,
  forgedAdvert,
  isWiped,
  isZero,
  only,
  replaced,
  six,
  victim,
  withPosition,
  without,
  zeroKey,
} from './support.ts';

/** The lied-to client refuses with this code and forgets its secrets; the others' sum comes out, with or without its vector. */
async function expectRefusal(code: ErrorCode, hooks: Hooks, options = six): Promise<Aggregation> {
  const attempt = new Aggregation(options);
  const { sum, givenUp } = await attempt.run(hooks);
  const client = attempt.clients[victim]!;
  expect(client.refused).to.equal(code);
  expect(client.half.phase).to.equal('refused');
  expect(isWiped(client)).to.equal(true);
  expect(givenUp).to.equal(null);
  expect(sum).to.deep.equal(attempt.expected());
  for (const each of attempt.clients) if (each !== client) expect(each.half.phase).to.equal('revealed');
  return attempt;
}

describe('a client against a lying server', () => {
  it('refuses a roster on which someone was told another model, plan or generator', async () => {
    // The server is honest in code, so it is its roster that is put together by hand.
    for (const [what, change] of [
      ['model', { round: { model: new Uint8Array(32).fill(8) } }],
      ['plan', { plan: { dropped: 0.11 } }],
      ['generator of masks', { plan: { generator: 'aes-256-ctr' } }],
      ['round', { round: { round: 8 } }],
      ['attempt', { round: { attempt: 2 } }],
    ] as const) {
      const here = new Aggregation(six);
      const there = new Aggregation({ ...six, ...change, seed: 1 });
      await Promise.all([here.advertise(), there.advertise()]);
      const adverts = replaced(here.roster!.adverts, 1, partAt(there.roster!.adverts, lengths.advert, 1));
      for (const client of [here.clients[victim]!, there.clients[1]!]) {
        const code = await codeFrom(client.half.share({ ...here.roster!, adverts }));
        expect(code, what).to.equal('SECAGG_CONTEXT');
        expect(isWiped(client)).to.equal(true);
      }
    }
  });

  it('and one told another model have masks that do not cancel, even if they shared', () => {
    const attempt = new Aggregation(six);
    const { round, plan } = attempt;
    const models = [new Uint8Array(32).fill(8), new Uint8Array(32).fill(9)];
    const [one, other] = models.map((model) =>
      contextHash(native, { ...round, model, plan: secaggPlanHash(native, plan) }),
    );
    const hashOf = (context: Uint8Array): Uint8Array => readRoster(native, context, new Uint8Array()).hash;
    const [a, b] = [new Uint8Array(32).fill(3), new Uint8Array(32).fill(4)];
    const key = (secret: Uint8Array, peer: Uint8Array, context: Uint8Array): Uint8Array =>
      pairMaskKey(native, native.agree(secret, native.agreementPublicKey(peer)), hashOf(context), 0, 1);
    expect(key(a, b, one!)).to.deep.equal(key(b, a, one!));
    expect(key(a, b, one!)).not.to.deep.equal(key(b, a, other!));
  });

  it('refuses a roster with an advert that its owner has not signed', async () => {
    for (const at of [32, 64, 96, 160, 223]) {
      // a bit of the mask key, the share key, the commitment, and both ends of the signature
      await expectRefusal('SECAGG_BAD_ADVERT', {
        down: { roster: only((roster) => ({ ...roster, adverts: damage(roster.adverts, lengths.advert, 4, at) })) },
      });
    }
  });

  it('refuses an advert from an earlier attempt, and one that stands there twice', async () => {
    const earlier = new Aggregation(six);
    await earlier.advertise();
    await expectRefusal(
      'SECAGG_CONTEXT',
      {
        down: {
          roster: only((roster) => ({
            ...roster,
            adverts: replaced(roster.adverts, 4, partAt(earlier.roster!.adverts, lengths.advert, 4)),
          })),
        },
      },
      { ...six, round: { attempt: 2 } },
    );
    await expectRefusal('SECAGG_REUSED_ADVERT', {
      down: {
        roster: only((roster) => ({
          ...roster,
          adverts: replaced(roster.adverts, 5, partAt(roster.adverts, lengths.advert, 4)),
        })),
      },
    });
  });

  it('refuses one identity with two sets of keys', async () => {
    const fresh = new Aggregation({ ...six, seed: 1 });
    await fresh.advertise();
    await expectRefusal('SECAGG_REUSED_ADVERT', {
      down: {
        roster: only((roster) => ({
          ...roster,
          adverts: replaced(roster.adverts, 5, partAt(fresh.roster!.adverts, lengths.advert, 4)),
        })),
      },
    });
  });

  it('refuses a key that occurs twice, also with one as mask key and as share key', async () => {
    const attempt = new Aggregation(six);
    await attempt.advertise();
    const { maskKey, shareKey } = readAdvert(partAt(attempt.roster!.adverts, lengths.advert, 0));
    for (const change of [{ maskKey }, { maskKey: shareKey }, { shareKey }, { shareKey: maskKey }]) {
      await expectRefusal('SECAGG_REUSED_ADVERT', {
        down: {
          roster: only((roster) => ({
            ...roster,
            adverts: replaced(roster.adverts, 4, forgedAdvert(attempt, 4, change)),
          })),
        },
      });
    }
  });

  it('refuses keys of low order, which agree on a secret that everyone knows', async () => {
    for (const change of [{ maskKey: zeroKey }, { shareKey: zeroKey }]) {
      const attempt = new Aggregation(six);
      await attempt.advertise();
      attempt.roster = {
        ...attempt.roster!,
        adverts: replaced(attempt.roster!.adverts, 4, forgedAdvert(attempt, 4, change)),
      };
      const client = attempt.clients[victim]!;
      let code = await codeFrom(client.half.share(attempt.roster));
      if (code === undefined) {
        // A mask key serves only when masking; sharers then are who the server says.
        const context = readAdvert(attempt.roster.adverts).context;
        const { hash } = readRoster(native, context, attempt.roster.adverts);
        const from = [0, 1, 3, 4, 5];
        code = await codeFrom(
          client.half.mask(
            {
              sharers: encodePositions([0, 1, 2, 3, 4, 5], 6),
              from: encodePositions(from, 6),
              parcels: new Uint8Array(5 * lengths.parcel),
              signatures: concat(...from.map((i) => attempt.clients[i]!.identity.sign(sharingStatement(hash)))),
            },
            new Uint32Array(attempt.plan.words),
          ),
        );
      }
      expect(code).to.equal('SECAGG_BAD_ADVERT');
      expect(isWiped(client)).to.equal(true);
    }
  });

  it('refuses a roster with someone who is not enrolled', async () => {
    const isEnrolled = (key: Uint8Array): boolean => !equalBytes(key, identities(6)[4]!.publicKey);
    await expectRefusal(
      'SECAGG_UNKNOWN_PEER',
      {},
      { ...six, client: (index) => (index === victim ? { isEnrolled } : {}) },
    );
  });

  it('refuses a roster without its own advert, or with more clients than the plan adds', async () => {
    const earlier = new Aggregation({ ...six, seed: 1 });
    await earlier.advertise();
    const own = (roster: ServerStep<'roster'>): Uint8Array => partAt(roster.adverts, lengths.advert, victim);
    await expectRefusal('SECAGG_ROSTER', {
      down: {
        roster: only((roster) => ({
          ...roster,
          adverts: replaced(roster.adverts, victim, own(earlier.roster!)),
        })),
      },
    });
    await expectRefusal('SECAGG_ROSTER', {
      down: {
        roster: only((roster) => ({
          ...roster,
          adverts: concat(
            roster.adverts.subarray(0, victim * lengths.advert),
            roster.adverts.subarray((victim + 1) * lengths.advert),
          ),
        })),
      },
    });
    const tooMany = new Aggregation({ ...six, clients: 7, plan: { maxCohort: 6 } });
    await tooMany.advertise();
    expect(tooMany.clients.map(({ refusedByServer }) => refusedByServer?.code).filter(Boolean)).to.deep.equal([
      'SECAGG_ROSTER',
    ]);
    const seventh = new Aggregation({ ...six, clients: 7, plan: { maxCohort: 6 } });
    const adverts = await Promise.all(seventh.clients.map(({ half }) => half.advertise()));
    const roster = { adverts: concat(...adverts.map(({ advert }) => advert)), degree: 6, threshold: 5 };
    expect(await codeFrom(seventh.clients[0]!.half.share(roster))).to.equal('SECAGG_ROSTER');
  });

  it('refuses a roster that is out of order or too small', async () => {
    const swap = ({ adverts, ...rest }: ServerStep<'roster'>): ServerStep<'roster'> => ({
      ...rest,
      adverts: concat(
        adverts.slice(lengths.advert, 2 * lengths.advert),
        adverts.slice(0, lengths.advert),
        adverts.slice(2 * lengths.advert),
      ),
    });
    await expectRefusal('SECAGG_MESSAGE', { down: { roster: only(swap) } });
    await expectRefusal('SECAGG_SMALL_COHORT', {
      down: {
        roster: only((roster) => ({
          ...roster,
          adverts: roster.adverts.slice(victim * lengths.advert, (victim + 2) * lengths.advert),
        })),
      },
    });
  });

  it('refuses another graph than the one that it works out', async () => {
    await expectRefusal('SECAGG_GRAPH', { down: { roster: only((roster) => ({ ...roster, degree: 4 })) } });
    await expectRefusal('SECAGG_GRAPH', { down: { roster: only((roster) => ({ ...roster, threshold: 4 })) } });
  });

  it('refuses parcels of a client that is no neighbour, or of fewer than are said to have shared', async () => {
    const plan = { completeUpTo: 0, corrupt: 0.05, dropped: 0.05, sigma: 20, eta: 4 };
    const options = { ...six, clients: 40, plan };
    const attempt = new Aggregation(options);
    await attempt.advertise();
    await attempt.share();
    const { degree } = attempt.roster!;
    expect(degree).to.be.lessThan(39);
    const honest = attempt.server.deliveryFor(victim);
    const from = [...decodePositions(honest.from, 40)];
    const stranger = Array.from({ length: 40 }, (_, i) => i).find((i) => i !== victim && !from.includes(i))!;
    const places = [...from.slice(1), stranger].sort((a, b) => a - b);
    const words = new Uint32Array(attempt.plan.words);
    const { half } = attempt.clients[victim]!;
    expect(await codeFrom(half.mask({ ...honest, from: encodePositions(places, 40) }, words))).to.equal('SECAGG_GRAPH');

    const second = new Aggregation(options);
    await second.advertise();
    await second.share();
    const all = second.server.deliveryFor(victim);
    const fewer = {
      ...all,
      from: encodePositions(from.slice(1), 40),
      parcels: all.parcels.subarray(lengths.parcel),
      signatures: all.signatures.subarray(lengths.signature),
    };
    expect(await codeFrom(second.clients[victim]!.half.mask(fewer, words))).to.equal('SECAGG_GRAPH');
  });

  it('refuses neighbours who have shared for another roster', async () => {
    await expectRefusal('SECAGG_ROSTER', {
      down: {
        // A parcel for another roster does not open with the key of this one.
        delivery: only(({ signatures, parcels, ...rest }) => {
          const other = identities(6)[0]!.sign(sharingStatement(new Uint8Array(32)));
          const parcel = partAt(parcels, lengths.parcel, 0).map((byte) => byte ^ 1);
          return { ...rest, signatures: replaced(signatures, 0, other), parcels: replaced(parcels, 0, parcel) };
        }),
      },
    });
  });

  it('asks for no signature beside a parcel that opens, since that proves the roster by itself', async () => {
    const attempt = new Aggregation(six);
    const { givenUp, sum } = await attempt.run({
      down: {
        delivery: only(({ signatures, ...rest }) => ({ ...rest, signatures: new Uint8Array(signatures.length) })),
      },
    });
    expect(givenUp).to.equal(null);
    expect(attempt.clients[victim]!.refused).to.equal(undefined);
    expect(sum).to.deep.equal(attempt.expected());
  });

  it('refuses to mask with too few who have shared, or when it is said not to have shared itself', async () => {
    const keep = (positions: readonly number[]) => (delivery: ServerStep<'delivery'>) => {
      const from = [...decodePositions(delivery.from, 6)];
      const kept = from.filter((each) => positions.includes(each));
      const pick = (list: Uint8Array, length: number): Uint8Array =>
        concat(...kept.map((each) => partAt(list, length, from.indexOf(each))));
      return {
        sharers: encodePositions(positions, 6),
        from: encodePositions(kept, 6),
        parcels: pick(delivery.parcels, lengths.parcel),
        signatures: pick(delivery.signatures, lengths.signature),
      };
    };
    await expectRefusal('SECAGG_TOO_FEW', { down: { delivery: only(keep([0, 1, victim, 3])) } });
    await expectRefusal('SECAGG_SMALL_COHORT', { down: { delivery: only(keep([0, victim])) } });
    await expectRefusal('SECAGG_MESSAGE', { down: { delivery: only(keep([0, 1, 3, 4, 5])) } });
  });

  it('refuses survivors without itself, with someone who has not shared, or too few', async () => {
    const told = (positions: readonly number[]): Hooks => ({
      down: { survivors: only(() => ({ survivors: encodePositions(positions, 6) })) },
    });
    await expectRefusal('SECAGG_SURVIVORS', told([0, 1, 3, 4, 5]));
    await expectRefusal('SECAGG_TOO_FEW', told([0, 1, victim, 3]));
    await expectRefusal('SECAGG_SMALL_COHORT', told([0, victim]));
    const attempt = new Aggregation({ ...six, clients: 7 }); // threshold 5
    const gone = new Map([[5, { at: 'shares' as const, works: false }]]);
    await attempt.run(
      { down: { survivors: only(() => ({ survivors: encodePositions([0, 1, 2, 3, 4, 5, 6], 7) })) } },
      gone,
    );
    expect(attempt.clients[victim]!.refused).to.equal('SECAGG_SURVIVORS');
  });

  it('refuses to reveal by another list of survivors than the one that it has agreed to', async () => {
    await expectRefusal('SECAGG_SURVIVORS', {
      down: {
        unmask: only((unmask) => ({
          ...unmask,
          survivors: without(unmask.survivors, 4),
          dropped: withPosition(unmask.dropped, 4),
        })),
      },
    });
    await expectRefusal('SECAGG_SURVIVORS', {
      down: { unmask: only((unmask) => ({ ...unmask, survivors: without(unmask.survivors, 4) })) },
    });
  });

  it('refuses to reveal by another list of those who have dropped out', async () => {
    const gone = new Map([[5, { at: 'vector' as const, works: true }]]);
    for (const dropped of [[], [5, 6]]) {
      const attempt = new Aggregation({ ...six, clients: 7 });
      const absent = new Map<number, DropOut>([...gone, [6, { at: 'shares', works: false }]]);
      const lie = only((unmask: ServerStep<'unmask'>) => ({ ...unmask, dropped: encodePositions(dropped, 7) }));
      await attempt.run({ down: { unmask: lie } }, absent);
      expect(attempt.clients[victim]!.refused, dropped.join()).to.equal('SECAGG_SURVIVORS');
    }
  });

  it('agrees with nobody who was told of other clients that have shared', async () => {
    // Client 5 has shared, and its vector is lost; the victim is told that it has never shared. Both agree on the survivors.
    const attempt = new Aggregation({ ...six, clients: 7 });
    const delivery = only(({ sharers, from, parcels, signatures }: ServerStep<'delivery'>) => {
      const place = [...decodePositions(from, 7)].indexOf(5);
      const cut = (list: Uint8Array, length: number): Uint8Array =>
        concat(list.slice(0, place * length), list.slice((place + 1) * length));
      return {
        sharers: without(sharers, 5, 7),
        from: without(from, 5, 7),
        parcels: cut(parcels, lengths.parcel),
        signatures: cut(signatures, lengths.signature),
      };
    });
    await attempt.run({ down: { delivery } }, new Map([[5, { at: 'vector' as const, works: true }]]));
    expect(attempt.clients[victim]!.refusedByServer).to.deep.equal({ at: 'consent', code: 'SECAGG_SURVIVORS' });
  });

  it('counts no signatures of survivors who are not its neighbours', async () => {
    const plan = { completeUpTo: 0, corrupt: 0.05, dropped: 0.05, sigma: 20, eta: 4 };
    const attempt = new Aggregation({ ...six, clients: 40, plan });
    const consents = new Map<number, Uint8Array>();
    await attempt.run({
      up: {
        consent: (message, { index }) => {
          consents.set(index, message.signature);
          return message;
        },
      },
      down: {
        unmask: only((unmask) => {
          const neighbours = decodePositions(unmask.signers, 40);
          const stranger = Array.from({ length: 40 }, (_, i) => i).find((i) => i !== victim && !neighbours.has(i))!;
          const signers = [...neighbours, stranger].sort((a, b) => a - b);
          const signatures = concat(...signers.map((each) => consents.get(each)!));
          return { ...unmask, signers: encodePositions(signers, 40), signatures };
        }),
      },
    });
    expect(attempt.clients[victim]!.refused).to.equal('SECAGG_GRAPH');
  });

  it('reveals nothing when the neighbours have signed another list than it was told', async () => {
    const attempt = new Aggregation(six);
    await attempt.advertise();
    await attempt.share();
    await attempt.mask();
    const lie = encodePositions([0, 1, 2, 3, 5], 6); // to the victim, client 4 has dropped out
    await attempt.consent({ down: { survivors: only(() => ({ survivors: lie })) } });
    expect(attempt.clients[victim]!.refusedByServer).to.deep.equal({ at: 'consent', code: 'SECAGG_SURVIVORS' });
    attempt.server.closeConsents();
    const honest = attempt.server.unmaskFor(victim);
    const unmask = {
      survivors: lie,
      dropped: encodePositions([4], 6),
      signers: encodePositions([0, 1, 3], 6),
      signatures: concat(...[0, 1, 2].map((i) => partAt(honest.signatures, lengths.signature, i))),
    };
    const client = attempt.clients[victim]!;
    expect(await codeFrom(client.half.reveal(unmask))).to.equal('SECAGG_SURVIVORS');
    expect(isWiped(client)).to.equal(true);
  });

  it('reveals nothing on the word of too few, or of those who have dropped out', async () => {
    const fewer = (unmask: ServerStep<'unmask'>): ServerStep<'unmask'> => {
      const [first, ...rest] = decodePositions(unmask.signers, 6);
      expect(first).to.equal(0);
      return {
        ...unmask,
        signers: encodePositions(rest.slice(1), 6),
        signatures: unmask.signatures.slice(2 * lengths.signature),
      };
    };
    await expectRefusal('SECAGG_TOO_FEW', { down: { unmask: only(fewer) } });
    const attempt = new Aggregation({ ...six, clients: 7 });
    const gone = new Map([[5, { at: 'vector' as const, works: true }]]);
    await attempt.run(
      {
        down: {
          unmask: only(({ signers, signatures, ...rest }) => ({
            ...rest,
            signers: withPosition(signers, 5, 7),
            signatures: concat(signatures, new Uint8Array(lengths.signature)),
          })),
        },
      },
      gone,
    );
    expect(attempt.clients[victim]!.refused).to.equal('SECAGG_GRAPH');
  });

  it('refuses to reveal both secrets of one peer', async () => {
    for (const peer of [0, victim, 5]) {
      await expectRefusal('SECAGG_BOTH_SHARES', {
        down: { unmask: only((unmask) => ({ ...unmask, dropped: withPosition(unmask.dropped, peer) })) },
      });
    }
  });

  it('reveals once, and agrees to survivors once', async () => {
    const attempt = new Aggregation(six);
    const asked: ServerStep<'unmask'>[] = [];
    const told: ServerStep<'survivors'>[] = [];
    const keep =
      <T>(list: T[]) =>
      (message: T): T => {
        list.push(message);
        return message;
      };
    await attempt.run({ down: { unmask: only(keep(asked)), survivors: only(keep(told)) } });
    const { half } = attempt.clients[victim]!;
    expect(await codeFrom(half.reveal(asked[0]!))).to.equal('SECAGG_REVEALED');
    expect(await codeFrom(half.reveal(asked[0]!))).to.equal('SECAGG_REVEALED');
    expect(await codeFrom(half.consent(told[0]!))).to.equal('SECAGG_SURVIVORS');
    expect(half.phase).to.equal('revealed');

    const again = new Aggregation(six);
    await again.advertise();
    await again.share();
    await again.mask();
    await again.consent({ down: { survivors: only(keep(told)) } });
    const client = again.clients[victim]!;
    const other = { survivors: without(told[1]!.survivors, 4) };
    expect(await codeFrom(client.half.consent(other))).to.equal('SECAGG_SURVIVORS');
    expect(client.half.phase).to.equal('refused');
    again.server.closeConsents();
    expect(await codeFrom(client.half.reveal(again.server.unmaskFor(victim)))).to.equal('SECAGG_STEP');
  });

  it('takes part in no attempt twice, nor in one that is older, also after a restart', async () => {
    const entries = new Map<string, LedgerEntry>();
    const save = (run: string, entry: LedgerEntry): void => void entries.set(run, entry);
    const begin = async (round: number, attempt: number, ledger: AttemptLedger): Promise<ErrorCode | undefined> => {
      const aggregation = new Aggregation({ ...six, round: { round, attempt }, client: () => ({ ledger }) });
      return codeFrom(aggregation.clients[0]!.half.advertise());
    };
    const ledger = new AttemptLedger([], save);
    expect(await begin(7, 1, ledger)).to.equal(undefined);
    for (const [round, attempt] of [
      [7, 1],
      [7, 0],
      [6, 9],
      [0, 1],
    ] as const) {
      expect(await begin(round, attempt, ledger)).to.equal('SECAGG_REPLAY');
      expect(await begin(round, attempt, new AttemptLedger(entries, save))).to.equal('SECAGG_REPLAY');
    }
    expect(await begin(7, 2, new AttemptLedger(entries, save))).to.equal(undefined);
    expect(await begin(7, 1, new AttemptLedger(entries, save))).to.equal('SECAGG_REPLAY');
    expect(await begin(8, 1, new AttemptLedger(entries, save))).to.equal(undefined);
  });

  it('takes no step before its turn or twice, and is out of the attempt after that', async () => {
    const messages: { roster?: ServerStep<'roster'>; delivery?: ServerStep<'delivery'> } = {};
    const attempt = new Aggregation(six);
    await attempt.run({
      down: {
        roster: (message) => (messages.roster = message),
        delivery: only((message) => (messages.delivery = message)),
      },
    });
    const survivors = { survivors: encodePositions([0, 1, 2, 3, 4, 5], 6) };
    const unmask = {
      ...survivors,
      dropped: encodePositions([], 6),
      signers: encodePositions([], 6),
      signatures: new Uint8Array(),
    };
    const words = new Uint32Array(attempt.plan.words);
    const calls: Record<string, (half: ClientHalf) => Promise<unknown>> = {
      advertise: (half) => half.advertise(),
      share: (half) => half.share(messages.roster!),
      mask: (half) => half.mask(messages.delivery!, words),
      consent: (half) => half.consent(survivors),
      reveal: (half) => half.reveal(unmask),
    };
    const names = Object.keys(calls);
    for (let done = 0; done < 4; done++) {
      for (const name of names.filter((_, i) => i !== done)) {
        const replay = new Aggregation(six); // the same seed: the same keys, so the messages fit
        const client = replay.clients[victim]!;
        for (const earlier of names.slice(0, done)) await calls[earlier]!(client.half);
        const expected = name === 'consent' && done === 4 ? 'SECAGG_SURVIVORS' : 'SECAGG_STEP';
        expect(await codeFrom(calls[name]!(client.half)), `${name} after ${done} steps`).to.equal(expected);
        expect(client.half.phase).to.equal('refused');
        expect(client.drawn.every(isZero)).to.equal(true);
        expect(await codeFrom(calls[names[done]!]!(client.half))).to.equal('SECAGG_STEP');
      }
    }
  });

  it('does not run two steps at once, and gives nothing out once it has ended', async () => {
    const attempt = new Aggregation(six);
    await attempt.advertise();
    const [one, two] = [attempt.clients[0]!, attempt.clients[1]!];
    const first = one.half.share(attempt.roster!);
    expect(await codeFrom(one.half.share(attempt.roster!))).to.equal('SECAGG_STEP');
    expect(await codeFrom(first)).to.equal('SECAGG_STEP');
    expect(isWiped(one)).to.equal(true);
    const sharing = two.half.share(attempt.roster!);
    two.half.abandon();
    expect(await codeFrom(sharing)).to.equal('SECAGG_STEP');
    expect(two.half.phase).to.equal('abandoned');
    expect(isWiped(two)).to.equal(true);

    let keep = (): void => {};
    const ledger = new AttemptLedger([], () => new Promise((resolve) => (keep = resolve)));
    const three = new Aggregation({ ...six, client: () => ({ ledger }) }).clients[victim]!;
    const advertising = three.half.advertise();
    await Promise.resolve();
    three.half.abandon();
    keep();
    expect(await codeFrom(advertising)).to.equal('SECAGG_STEP');
    expect(three.half.phase).to.equal('abandoned');
    expect(isWiped(three)).to.equal(true);
  });

  it('forgets its secrets at the end, and at every step before when it gives up', async () => {
    const attempt = new Aggregation(six);
    await attempt.run();
    for (const client of attempt.clients) expect(isWiped(client)).to.equal(true);
    const abandoned = new Aggregation(six);
    const steps = [() => abandoned.advertise(), () => abandoned.share()];
    for (const [i, step] of steps.entries()) {
      await step();
      const client = abandoned.clients[i]!;
      expect(isWiped(client)).to.equal(false);
      client.half.abandon();
      expect(isWiped(client)).to.equal(true);
    }
    await abandoned.mask();
    for (const client of abandoned.clients) expect(isWiped(client)).to.equal(true); // from here on it holds others' shares only
  });

  it('forgets the keys of its masks once they are applied, and what others have shared with it once it has revealed', async () => {
    const keys: Uint8Array[] = [];
    const opened: Uint8Array[] = [];
    const primitives: Primitives = {
      ...native,
      aead: (suite) => {
        const aead = native.aead(suite);
        const open: typeof aead.open = (...input) => {
          const plaintext = aead.open(...input);
          if (plaintext !== null) opened.push(plaintext);
          return plaintext;
        };
        return { ...aead, open };
      },
    };
    const applyMasks: ClientHalfOptions['applyMasks'] = (words, plus, minus) => {
      keys.push(...plus, ...minus);
      new MaskAdder(words, 32).apply(plus, minus);
    };
    const spied: AggregationOptions = {
      ...six,
      client: (index) => (index === victim ? { primitives, applyMasks } : {}),
    };
    const attempt = new Aggregation(spied);
    await attempt.advertise();
    await attempt.share();
    await attempt.mask();
    expect([keys.length, keys.every(isZero)]).to.deep.equal([6, true]); // its own, and one for each pair
    expect([opened.length, opened.some(isZero)]).to.deep.equal([5, false]);
    await attempt.consent();
    await attempt.reveal();
    expect(opened.every(isZero)).to.equal(true);
    expect((await attempt.unmask()).sum).to.deep.equal(attempt.expected());

    opened.length = 0;
    const refusing = new Aggregation(spied);
    await refusing.run({
      down: { unmask: only((unmask) => ({ ...unmask, dropped: withPosition(unmask.dropped, 0) })) },
    });
    expect(refusing.clients[victim]!.half.phase).to.equal('refused');
    expect([opened.length, opened.every(isZero)]).to.deep.equal([5, true]);
  });

  it('forgets its secrets when masking fails', async () => {
    const failing = new Aggregation({
      ...six,
      client: (index) => (index === victim ? { applyMasks: () => Promise.reject(new Error('worker gone')) } : {}),
    });
    const { sum } = await failing.run();
    expect(failing.clients[victim]!.refused).to.equal('INTERNAL');
    expect(isWiped(failing.clients[victim]!)).to.equal(true);
    expect(sum).to.deep.equal(failing.expected());
    const short = new Aggregation({ ...six, input: (index) => new Uint32Array(index === victim ? 3 : 22) });
    await short.run();
    expect(short.clients[victim]!.refused).to.equal('WRONG_SHAPE');
  });

  it('keeps nothing of a message: it may be overwritten as soon as it was handed in', async () => {
    const attempt = new Aggregation(six);
    await attempt.advertise();
    const rosters = attempt.clients.map(() => structuredClone(attempt.roster!));
    const shares = attempt.clients.map(({ half }, i) => half.share(rosters[i]!));
    for (const { adverts } of rosters) adverts.fill(0);
    for (const [i, message] of (await Promise.all(shares)).entries()) attempt.server.shares(i, message);
    attempt.server.closeShares();
    const deliveries = attempt.clients.map((_, i) => attempt.server.deliveryFor(i));
    const vectors = attempt.clients.map(({ input }) => new Uint32Array(input));
    const masks = attempt.clients.map(({ half }, i) => half.mask(deliveries[i]!, vectors[i]!));
    for (const { parcels, signatures } of deliveries) for (const list of [parcels, signatures]) list.fill(0);
    await Promise.all(masks);
    for (const [i, words] of vectors.entries()) attempt.server.masked(i, words);
    await attempt.consent();
    await attempt.reveal();
    expect((await attempt.unmask()).sum).to.deep.equal(attempt.expected());
  });

  it('refuses to unmask a second sum of the round that leaves out one client, whatever the server says of the first', async () => {
    const ledgers = Array.from({ length: 6 }, () => new AttemptLedger());
    const attemptOf = (attempt: number): Aggregation =>
      new Aggregation({ ...six, round: { attempt }, client: (index) => ({ ledger: ledgers[index]! }) });
    expect((await attemptOf(1).run()).givenUp).to.equal(null);
    const second = attemptOf(2);
    const { sum, givenUp } = await second.run({}, new Map([[victim, { at: 'advert', works: false }]]));
    expect([sum, givenUp]).to.deep.equal([null, 'SECAGG_TOO_FEW']);
    for (const { index, refused, half } of second.clients) {
      if (index === victim) continue;
      expect(refused).to.equal('SECAGG_DIFFERENCE');
      expect(half.phase).to.equal('refused');
    }
    // The same clients again: a sum that is known already.
    const third = attemptOf(3);
    expect((await third.run()).sum).to.deep.equal(third.expected());
  });
});
