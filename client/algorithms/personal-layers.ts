import { normalisationSpans, headSpans, type Span } from '../../shared/tasks/spans.ts';
import type { ModelSpec } from '../../shared/tasks/model.ts';
import { ownOf, type Algorithm } from './algorithm.ts';

/**
 * Some layers never leave the device: the client trains with its own values of them, reports zero there, so that the global
 * model keeps its first values, and keeps its own for its next round. They travel neither in an update nor in a sum.
 *
 * - FedBN: normalisation layers, with their running statistics. Equals FedAvg for a model without such layers.
 * - FedPer: the last layers, the head. Equals FedAvg with no layer in it.
 * - FedRep: also the head, but trained first for `headEpochs` with all else frozen, and then all else with the head frozen.
 * @see Li, Jiang, Zhang, Kamp, Dou, "FedBN: Federated Learning on Non-IID Features via Local Batch Normalization", ICLR 2021,
 *   https://arxiv.org/abs/2102.07623; Arivazhagan, Aggarwal, Singh, Choudhary, "Federated Learning with Personalization Layers",
 *   2019, https://arxiv.org/abs/1912.00818; Collins, Hassani, Mokhtari, Shakkottai, "Exploiting Shared Representations for
 *   Personalized Federated Learning", ICML 2021, Algorithm 1, https://arxiv.org/abs/2102.07078
 */
function personalLayers(spansIn: (model: ModelSpec) => readonly Span[], headEpochs?: number): Algorithm {
  return {
    adjusts: headEpochs !== undefined,
    async run({ task, weights, own, train }) {
      const spans = spansIn(task.model);
      const begin = withOwn(weights, spans, own);
      let delta: Float32Array;
      let last: Awaited<ReturnType<typeof train>>;
      if (headEpochs === undefined) {
        last = await train({ weights: begin });
        delta = last.delta;
      } else {
        const body = complement(spans, weights.length);
        const head = await train({ weights: begin, adjust: { frozen: body }, localEpochs: headEpochs, name: 'head' });
        last = await train({ weights: add(begin, head.delta), adjust: { frozen: spans } });
        delta = add(head.delta, last.delta);
      }
      const kept = gather(add(begin, delta), spans);
      for (const { start, end } of spans) delta.fill(0, start, end);
      return { update: delta, examples: last.examples, metrics: last.metrics, own: kept };
    },
    personal: (task, weights, own) => withOwn(weights, spansIn(task.model), own),
  };
}

export const personalNormalisation = (): Algorithm => personalLayers(normalisationSpans);

export const personalHead = ({ layers, headEpochs }: { layers: number; headEpochs?: number | undefined }): Algorithm =>
  personalLayers((model) => headSpans(model, layers), headEpochs);

const add = (a: Float32Array, b: Float32Array): Float32Array => a.map((value, i) => value + b[i]!);

/** The values in the spans, one after the other. */
function gather(weights: Float32Array, spans: readonly Span[]): Float32Array {
  const values = new Float32Array(spans.reduce((sum, { start, end }) => sum + end - start, 0));
  let at = 0;
  for (const { start, end } of spans) {
    values.set(weights.subarray(start, end), at);
    at += end - start;
  }
  return values;
}

/** The global model with this client's own layers, or with the global ones before it has any. */
function withOwn(weights: Float32Array, spans: readonly Span[], own: Float32Array | null): Float32Array {
  const mixed = weights.slice();
  const values = ownOf(own, gather(weights, spans).length);
  if (values === null) return mixed;
  let at = 0;
  for (const { start, end } of spans) {
    mixed.set(values.subarray(at, at + end - start), start);
    at += end - start;
  }
  return mixed;
}

function complement(spans: readonly Span[], size: number): Span[] {
  const between: Span[] = [];
  let at = 0;
  for (const { start, end } of [...spans, { start: size, end: size }]) {
    if (start > at) between.push({ start: at, end: start });
    at = end;
  }
  return between;
}
