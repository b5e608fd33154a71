import { expect } from 'chai';
import { FederatedError, isErrorCode } from '../../../shared/errors.ts';
import { lengths } from '../../../shared/secagg/messages.ts';
import { seeded, type Random } from '../../../shared/random.ts';
import { mutations, randomBytes } from '../../helpers/fuzz.ts';
import { native } from '../../helpers/primitives.ts';
import { Aggregation, remembering, stages, type Hooks, type Stage } from '../../helpers/secagg.ts';

/** Of seven with threshold 5: one sends rubbish, another is told rubbish, and the other five can do without both. */
const options = { clients: 7, primitives: remembering(native) };
const [liar, victim] = [1, 4];

type Message = Readonly<Record<string, unknown>>;

const odd = (random: Random): unknown => {
  const values = [
    undefined,
    null,
    0,
    -1,
    1.5,
    Number.NaN,
    2 ** 53,
    '',
    'text',
    true,
    [],
    [1],
    {},
    () => 1,
    Symbol('s'),
    1n,
  ];
  const arrays = [new Uint16Array(3), new DataView(new ArrayBuffer(4)), new ArrayBuffer(32), randomBytes(random, 300)];
  const all = [...values, ...arrays, { length: 32 }, Object.create(null)];
  return all[random.below(all.length)];
};

/** A message after one or two changes of a field, or something else altogether. */
function spoilt(random: Random, message: Message): unknown {
  if (random.below(8) === 0) return odd(random);
  const fields: Record<string, unknown> = { ...message };
  for (let times = 1 + random.below(2); times > 0; times--) {
    const names = Object.keys(fields);
    const name = names[random.below(names.length)] ?? 'extra';
    const value = fields[name];
    const kind = random.below(6);
    if (kind === 0) delete fields[name];
    else if (kind === 1) fields[randomBytes(random, 3).join()] = odd(random);
    else if (kind === 2) fields[name] = odd(random);
    else if (typeof value === 'number') fields[name] = random.below(300);
    else if (value instanceof Uint8Array) fields[name] = mutations(random, [value], 1).next().value;
  }
  return fields;
}

/** Whatever is thrown has a code of ours. */
function check(thrown: unknown): void {
  if (!(thrown instanceof FederatedError)) throw thrown;
  expect(isErrorCode(thrown.code)).to.equal(true);
  expect(thrown.code).not.to.equal('INTERNAL');
  expect(thrown.message.length).to.be.lessThan(400);
}

/** Shares of the right length: only their receivers can tell whether they open, and too many that do not end the attempt. */
const isSealed = (message: unknown): boolean => {
  const parcels = (message as Message | null | undefined)?.['parcels'];
  return parcels instanceof Uint8Array && parcels.length === 6 * lengths.parcel;
};

const messages: readonly Exclude<Stage, 'vector'>[] = ['advert', 'shares', 'consent', 'reveal'];

describe('rubbish', () => {
  for (const stage of messages) {
    it(`in place of a client's ${stage} is refused with a code, and the others' sum comes out`, async () => {
      const runs = 12;
      let refusals = 0;
      for (let run = 0; run < runs; run++) {
        const random = seeded('secagg fuzz', stage, run);
        const attempt = new Aggregation(options);
        const { server } = attempt;
        const send = (message: unknown, position: number, key: Uint8Array): unknown => {
          const rubbish = message as never;
          if (stage === 'advert') return server.advert(key, rubbish);
          if (stage === 'shares' && isSealed(message)) return false;
          return server[stage](position, rubbish);
        };
        const change = (message: Message, { index, identity }: Aggregation['clients'][number]) => {
          if (index !== liar) return message;
          const key = identity.publicKey;
          for (let i = 0; i < 25; i++) {
            try {
              send(spoilt(random, message), server.positionOf(key)!, key);
            } catch (thrown) {
              check(thrown);
              refusals++;
            }
          }
          return undefined;
        };
        const hooks = { up: { [stage]: change } } as unknown as Hooks;
        const { sum, givenUp } = await attempt.run(hooks);
        expect(givenUp).to.equal(null);
        expect(sum).to.deep.equal(attempt.expected());
        for (const each of attempt.clients) if (each.index !== liar) expect(each.half.phase).to.equal('revealed');
      }
      expect(refusals).to.be.greaterThan(5 * runs);
    });
  }

  for (const message of ['roster', 'delivery', 'survivors', 'unmask'] as const) {
    it(`in place of the server's ${message} ends that client's part with a code, and nobody else's`, async () => {
      let refusals = 0;
      for (let run = 0; run < 60; run++) {
        const random = seeded('secagg fuzz', message, run);
        const attempt = new Aggregation(options);
        const change = (told: Message, { index }: Aggregation['clients'][number]): unknown =>
          index === victim ? (spoilt(random, told) ?? null) : told;
        const { sum, givenUp } = await attempt.run({ down: { [message]: change } } as unknown as Hooks);
        expect(givenUp).to.equal(null);
        expect(sum).to.deep.equal(attempt.expected());
        for (const { index, half, refused, drawn } of attempt.clients) {
          if (index !== victim) expect(half.phase).to.equal('revealed');
          else if (refused !== undefined) {
            refusals++;
            expect(refused).not.to.equal('INTERNAL');
            expect(half.phase).to.equal('refused');
            expect(drawn.every((secret) => secret.every((byte) => byte === 0))).to.equal(true);
          }
        }
      }
      expect(refusals).to.be.greaterThan(30);
    });
  }

  it('is taken at no step from clients that there are not', async () => {
    const attempt = new Aggregation(options);
    const { server } = attempt;
    for (const stage of stages) {
      for (const position of [7, -1, 1.5, Number.NaN, 2 ** 40]) {
        try {
          const message = { signature: new Uint8Array(64), parcels: new Uint8Array(6 * 82) };
          if (stage === 'shares') server.shares(position, message);
          if (stage === 'vector') server.masked(position, new Uint32Array(attempt.plan.words));
          if (stage === 'consent') server.consent(position, message);
          if (stage === 'reveal') server.reveal(position, message as never);
          expect(stage).to.equal('advert');
        } catch (thrown) {
          check(thrown);
        }
      }
      if (stage === 'advert') await attempt.advertise();
      if (stage === 'shares') await attempt.share();
      if (stage === 'vector') await attempt.mask();
      if (stage === 'consent') await attempt.consent();
      if (stage === 'reveal') await attempt.reveal();
    }
    expect((await attempt.unmask()).sum).to.deep.equal(attempt.expected());
  });
});
