/**
 * Updates of the load benchmark, made so that their weighted mean is known exactly: client i sends the values i, i + 1, ...,
 * i + d - 1 of one fixed sequence of multiples of 2^-12, on 1 + (i mod 7) examples. They are all views of one array.
 */

/** As many clients as the sequence has starts for. */
export const maxPatternClients = 4_096;
const weights = 7;

const sequences = new Map<number, Float32Array>();

/** Values -8 to 7 in units of 2^-12, by a multiplicative hash of the place. */
function sequenceOf(params: number): Float32Array {
  let sequence = sequences.get(params);
  if (sequence === undefined) {
    sequence = new Float32Array(params + maxPatternClients);
    for (let k = 0; k < sequence.length; k++) sequence[k] = ((Math.imul(k + 1, 0x9e3779b1) >>> 28) - 8) / 4_096;
    sequences.set(params, sequence);
  }
  return sequence;
}

/** @param client - 0 to `maxPatternClients` - 1; not to be written to */
export const patternUpdate = (client: number, params: number): Float32Array =>
  sequenceOf(params).subarray(client, client + params);

export const patternExamples = (client: number): number => 1 + (client % weights);

/**
 * The weighted mean of the updates of clients 0 to n - 1. Exact up to the last division: all terms are integers below 2^53 in
 * units of 2^-12. In O(weights * d): the terms of one weight are a window on a running sum with a stride.
 */
export function patternMean(clients: number, params: number): Float64Array {
  const sequence = sequenceOf(params);
  const running = new Float64Array(sequence.length); // running[k] = sequence[k] + sequence[k - 7] + sequence[k - 14] + ...
  for (let k = 0; k < running.length; k++) running[k] = sequence[k]! + (k < weights ? 0 : running[k - weights]!);
  const sum = new Float64Array(params);
  let weight = 0;
  for (let rest = 0; rest < Math.min(weights, clients); rest++) {
    const count = Math.ceil((clients - rest) / weights); // clients rest, rest + 7, ...
    weight += (1 + rest) * count;
    for (let j = 0; j < params; j++) {
      const last = j + rest + weights * (count - 1);
      const before = j + rest - weights;
      sum[j]! += (1 + rest) * (running[last]! - (before < 0 ? 0 : running[before]!));
    }
  }
  for (let j = 0; j < params; j++) sum[j]! /= weight;
  return sum;
}
