import { identityFromSeed } from '../../shared/crypto/identity.ts';
import type { Primitives } from '../../shared/crypto/primitives.ts';
import { encodeChunkFrame, encodeControlFrame } from '../../shared/protocol/frames.ts';
import { answerHello, proveClient, startHandshake } from '../../shared/protocol/handshake.ts';
import { SealedChannel } from '../../shared/protocol/channel.ts';

/**
 * The session of the examples in shared/protocol/README.md, from the fixed secrets that stand there.
 * @returns each example's bytes under the name that it has there
 */
export async function exampleSession(primitives: Primitives): Promise<Record<string, Uint8Array>> {
  const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
  const server = identityFromSeed(primitives, fill(1));
  const client = identityFromSeed(primitives, fill(2));
  const { hello, finish } = startHandshake({
    primitives,
    ephemeralSecret: fill(3),
    nonce: fill(4),
    suites: ['aes-256-gcm', 'nacl-secretbox'],
  });
  const { serverHello } = answerHello({
    primitives,
    identity: server,
    hello,
    ephemeralSecret: fill(5),
    nonce: fill(6),
    suites: ['aes-256-gcm', 'nacl-secretbox'],
  });
  const { transcript, sendKey, receiveKey } = finish(serverHello);
  const shared = primitives.agree(fill(3), primitives.agreementPublicKey(fill(5)));
  const proof = await proveClient({ primitives, identity: client, transcript, joinCode: '0123-4567-89AB-CDEF' });
  const auth = encodeControlFrame({
    type: 'auth',
    ...proof,
    software: 'fedloom/0.1.0',
    backend: 'cpu',
    encodings: ['float32'],
  });
  const control = encodeControlFrame({ type: 'ping' });
  const upload = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i);
  const chunk = encodeChunkFrame(upload, 262_144, new Uint8Array(Float32Array.of(1, -0.5).buffer));
  const sealed = primitives.suites.map((suite) => {
    const channel = new SealedChannel({ primitives, suite, sendKey, receiveKey });
    return { [`${suite}, message 0`]: channel.seal(control), [`${suite}, message 1`]: channel.seal(chunk) };
  });
  return {
    'client hello': hello,
    'server hello': serverHello,
    'shared secret': shared,
    transcript,
    'client to server key': sendKey,
    'server to client key': receiveKey,
    'client signature': proof.signature,
    'join proof': proof.joinProof!,
    'auth frame': auth,
    'control frame': control,
    'chunk frame': chunk,
    ...Object.fromEntries(sealed.flatMap((each) => Object.entries(each))),
  };
}
