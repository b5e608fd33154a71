import * as crypto from 'node:crypto';
import { fastGenerators } from '../../shared/crypto/fast-generators.ts';
import { nativePrimitives } from '../../shared/crypto/native.ts';
import type { GeneratorName } from '../../shared/crypto/primitives.ts';

let found: readonly GeneratorName[] | null = null;

/** What makes masks fast on this machine, tried out once in a process. */
export const nodeGenerators = (): readonly GeneratorName[] =>
  (found ??= fastGenerators(nativePrimitives(crypto).keystreams, () => performance.now()));
