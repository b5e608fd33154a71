import { toHex } from '../../../shared/bytes.ts';
import type { Primitives } from '../../../shared/crypto/primitives.ts';

/** Answers that are kept: the same handshake comes before every input. */
const most = 64;

/** The same primitives, which work out once what both ends of a handshake with the same keys and nonces ask for again and again. */
export function remembering(primitives: Primitives): Primitives {
  const known = new Map<string, Uint8Array | boolean>();
  const once = <T extends Uint8Array | boolean>(name: string, inputs: readonly Uint8Array[], work: () => T): T => {
    const key = `${name} ${inputs.map(toHex).join(' ')}`;
    let answer = known.get(key);
    if (answer === undefined) {
      answer = work();
      if (known.size < most) known.set(key, answer instanceof Uint8Array ? new Uint8Array(answer) : answer);
    }
    return (answer instanceof Uint8Array ? new Uint8Array(answer) : answer) as T; // a secret is wiped after use
  };
  return {
    ...primitives,
    signingPublicKey: (seed) => once('signing', [seed], () => primitives.signingPublicKey(seed)),
    sign: (seed, message) => once('sign', [seed, message], () => primitives.sign(seed, message)),
    verify: (key, message, signature) =>
      once('verify', [key, message, signature], () => primitives.verify(key, message, signature)),
    agreementPublicKey: (secret) => once('agreement', [secret], () => primitives.agreementPublicKey(secret)),
    agree: (secret, theirs) => once('agree', [secret, theirs], () => primitives.agree(secret, theirs)),
  };
}
