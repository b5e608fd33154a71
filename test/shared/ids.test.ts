import { expect } from 'chai';
import { FederatedError } from '../../shared/errors.ts';
import { clientId, runId, sha256Id } from '../../shared/ids.ts';

const refuses = (call: () => unknown): void => {
  expect(call).to.throw(FederatedError).with.property('code', 'BAD_ARGUMENT');
};

describe('ids', () => {
  it('are the text that they were made of', () => {
    expect(clientId('0123456789abcdef0123456789abcdef')).to.equal('0123456789abcdef0123456789abcdef');
    expect(sha256Id('f'.repeat(64))).to.equal('f'.repeat(64));
    for (const text of ['ab', 'mnist-2nn', `a${'9'.repeat(63)}`]) expect(runId(text)).to.equal(text);
  });

  it('refuse every other form', () => {
    for (const text of ['', 'A'.repeat(32), 'a'.repeat(31), 'a'.repeat(33), `${'a'.repeat(32)}\n`]) {
      refuses(() => clientId(text));
    }
    for (const text of ['', 'a', '1a', '-a', 'a_b', 'Ab', 'a'.repeat(65), '../etc', 'ab\n']) refuses(() => runId(text));
    for (const text of ['', 'F'.repeat(64), 'f'.repeat(63), 'f'.repeat(65)]) refuses(() => sha256Id(text));
  });

  it('say no more than 80 characters of what they refuse', () => {
    expect(() => runId('X'.repeat(1_000_000)))
      .to.throw(FederatedError)
      .with.property('message')
      .with.length.below(250);
  });
});
