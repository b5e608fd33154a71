import { generatorNames, usualGenerator, type GeneratorName } from '../crypto/primitives.ts';

/**
 * How a client says in `auth` what it can send: `float32` and `masked`, the latter with masks of ChaCha20, and a name more for
 * every further generator. A server passes over names that it does not know.
 */

const nameOf = (generator: GeneratorName): string => `masked-${generator}`;

/** @param generators - that the client can mask with */
export const encodingsOf = (generators: readonly GeneratorName[]): string[] => [
  'float32',
  'masked',
  ...generators.filter((each) => each !== usualGenerator).map(nameOf),
];

/** With which generators a client can mask; the arrays are few, and shared by all clients. */
export function generatorsIn(encodings: readonly string[]): readonly GeneratorName[] {
  return encodings.includes(nameOf('aes-256-ctr')) ? generatorNames : onlyUsual;
}
const onlyUsual: readonly GeneratorName[] = [usualGenerator];
