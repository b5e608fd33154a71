import { expect } from 'chai';
import { decodeControl, encodeControl } from '../../../shared/protocol/codec.ts';
import { defaultLimits } from '../../../shared/protocol/limits.ts';
import {
  checkClientMessage,
  checkServerMessage,
  clientMessages,
  serverMessages,
} from '../../../shared/protocol/messages.ts';
import { FederatedError } from '../../../shared/errors.ts';
import { codeOf } from '../../helpers/primitives.ts';
import { clientExamples, serverExamples } from '../../vectors/messages.ts';

const directions = [
  { name: 'client', table: clientMessages, examples: clientExamples, check: checkClientMessage },
  { name: 'server', table: serverMessages, examples: serverExamples, check: checkServerMessage },
] as const;

for (const { name, table, examples, check } of directions) {
  describe(`the messages of a ${name}`, () => {
    it('have an example each, which is accepted and comes through the codec unchanged', () => {
      expect(examples.map(({ type }) => type)).to.have.members(Object.keys(table));
      for (const message of examples) {
        const bytes = encodeControl(message);
        expect(bytes.length).to.be.at.most(defaultLimits.maxControlBytes);
        expect(check(decodeControl(bytes, defaultLimits.maxControlBytes))).to.deep.equal(message);
      }
    });

    it('are refused with a field that is unknown, missing without being optional, or of another type', () => {
      for (const message of examples) {
        expect(
          codeOf(() => check({ ...message, surplus: 1 })),
          message.type,
        ).to.equal('BAD_MESSAGE');
        for (const field of Object.keys(message)) {
          const others: unknown[] = [
            null,
            Number.NaN,
            -1,
            0.5,
            2 ** 53,
            Infinity,
            'x'.repeat(3000),
            new Uint8Array(1301),
            [[]],
            {},
          ];
          for (const other of others) {
            const changed = { ...message, [field]: other };
            const expected = isAllowed(field, other) ? undefined : 'BAD_MESSAGE';
            expect(
              codeOf(() => check(changed)),
              `${message.type}.${field} = ${String(other)}`,
            ).to.equal(expected);
          }
        }
      }
    });

    it('are refused when they are no map with a known type', () => {
      for (const value of [null, 1, 'ping', [], {}, { type: 1 }, { type: 'toString' }, { type: ['ping'] }]) {
        expect(codeOf(() => check(value))).to.equal('BAD_MESSAGE');
      }
    });
  });
}

/** The two replacements above that are within a field's bounds. */
const isAllowed = (field: string, value: unknown): boolean =>
  (field === 'fraction' && value === 0.5) || (field === 'metrics' && JSON.stringify(value) === '{}');

describe('the bounds of a message', () => {
  it('hold for lists, names and numbers measured', () => {
    const auth = clientExamples.find(({ type }) => type === 'auth')!;
    const report = clientExamples.find(({ type }) => type === 'report')!;
    const many = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`m${i}`, 0]));
    const bad: object[] = [
      { ...auth, encodings: Array.from({ length: 17 }, () => 'float32') },
      { ...auth, encodings: ['x'.repeat(33)] },
      { ...auth, identity: new Uint8Array(31) },
      { ...report, metrics: many },
      { ...report, metrics: { Loss: 1 } },
      { ...report, metrics: { loss: Number.NaN } },
      { ...report, metrics: { loss: '1' } },
      { ...report, run: 'Not a name' },
      { ...report, round: 2 ** 32 },
      { ...report, upload: new Uint8Array(15) },
    ];
    for (const message of bad) expect(codeOf(() => checkClientMessage(message))).to.equal('BAD_MESSAGE');
  });
});

describe('a message of an unknown type', () => {
  it('is refused in a short sentence, without a look at what stands for the type', () => {
    // As JSON, 4 MB of bytes would be a text of more than 40 MB, and the loop would stand still for seconds.
    const unread = {
      toJSON(): never {
        throw new Error('it was turned into JSON');
      },
    };
    for (const type of ['x'.repeat(4_000), unread, new Uint8Array(8), null, undefined, 7]) {
      expect(() => checkServerMessage({ type })).to.throw(FederatedError, /^message: unknown type .{0,60}$/);
    }
  });
});
