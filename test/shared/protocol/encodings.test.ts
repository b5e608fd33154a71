import { expect } from 'chai';
import { clientMessages } from '../../../shared/protocol/messages.ts';
import { encodingsOf, generatorsIn } from '../../../shared/protocol/encodings.ts';

describe('the encodings that a client offers', () => {
  it('name the generators beside ChaCha20, and come out again', () => {
    expect(encodingsOf(['chacha20'])).to.deep.equal(['float32', 'masked']);
    expect(encodingsOf(['chacha20', 'aes-256-ctr'])).to.deep.equal(['float32', 'masked', 'masked-aes-256-ctr']);
    expect(generatorsIn(encodingsOf(['chacha20']))).to.deep.equal(['chacha20']);
    expect(generatorsIn(encodingsOf(['chacha20', 'aes-256-ctr']))).to.deep.equal(['chacha20', 'aes-256-ctr']);
  });

  it('are of no clients but those that know ChaCha20, whatever else they say', () => {
    for (const encodings of [[], ['float32'], ['aes-256-ctr'], ['masked-rc4'], ['MASKED-AES-256-CTR']]) {
      expect(generatorsIn(encodings), String(encodings)).to.deep.equal(['chacha20']);
    }
  });

  it('fit into the message that they go in', () => {
    const { encodings } = clientMessages.auth.entries;
    const { issues } = encodings['~standard'].validate(encodingsOf(['chacha20', 'aes-256-ctr'])) as {
      issues?: unknown;
    };
    expect(issues).to.equal(undefined);
  });
});
