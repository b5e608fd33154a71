import { identityFromSeed } from '../../../shared/crypto/identity.ts';
import { portable } from '../../../shared/crypto/portable.ts';
import { usualGenerator } from '../../../shared/crypto/primitives.ts';
import { webPrimitives } from '../../../shared/crypto/web.ts';
import { toHex } from '../../../shared/bytes.ts';
import { ClientHalf } from '../../../shared/secagg/client-half.ts';
import { AttemptLedger } from '../../../shared/secagg/ledger.ts';
import { maskingKernels } from '../../../shared/vector/masking-kernels.ts';
import { MaskAdder } from '../../../shared/vector/masking.ts';
import { quantise } from '../../../shared/vector/quantise.ts';
import { addWords } from '../../../shared/vector/words.ts';
import { fromText, toText, type AttemptSetup } from '../../../simulations/bench/secagg-client.ts';
import { anyPlan, seededValues } from './secagg-values.ts';

/** A client of secure aggregation in a page. Everything goes in and out as text, since it crosses the border of the page. */

const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

let half: ClientHalf | null = null;

/** Begins an attempt. @returns the client's public key */
function join(text: string): string {
  const setup = fromText(text) as AttemptSetup;
  const identity = identityFromSeed(portable, randomBytes(32));
  half = new ClientHalf({
    ...setup,
    primitives: webPrimitives(),
    randomBytes,
    applyMasks: (words, plus, minus) => new MaskAdder(words, setup.plan.modulusBits).apply(plus, minus),
    identity,
    generators: [usualGenerator],
    isEnrolled: () => true,
    ledger: new AttemptLedger(),
    policy: anyPlan,
  });
  return toHex(identity.publicKey);
}

type Step = 'advertise' | 'share' | 'mask' | 'consent' | 'reveal';

/** One step of the attempt. @param text - the server's message, and for `mask` the bytes of the vector to mask */
async function step(name: Step, text: string): Promise<string> {
  const { message, vector } = fromText(text) as { message: never; vector?: Uint8Array };
  if (name !== 'mask') return toText(await half![name](message));
  const words = new Uint32Array(vector!.slice().buffer);
  await half!.mask(message, words);
  return toText({ vector: new Uint8Array(words.buffer) });
}

/** Hashes of what the kernels make of known input, and whether they are in WebAssembly. */
export function knownAnswers(wasm: boolean): Readonly<Record<string, string | boolean>> {
  const { words, terms, values, key } = seededValues();
  const hash = (vector: Uint32Array): string => toHex(portable.sha256(new Uint8Array(vector.buffer)));
  const masked = words.slice();
  new MaskAdder(masked, 20, { wasm }).apply([key], [key.map((byte) => byte ^ 1)]);
  const mask = new Uint32Array(words.length);
  new MaskAdder(mask, 32, { wasm }).add(key);
  const sum = words.slice();
  addWords(sum, terms, wasm);
  const rounded = new Uint32Array(values.length);
  quantise(rounded, values, 1000.5, key, 4000, 24, { wasm });
  return {
    mask: hash(mask),
    masked: hash(masked),
    sum: hash(sum),
    rounded: hash(rounded),
    isWebAssembly: maskingKernels() !== null,
  };
}

const api = { join, step, knownAnswers };
export type SecAggPage = typeof api;
Object.assign(globalThis, { secaggTest: api });
