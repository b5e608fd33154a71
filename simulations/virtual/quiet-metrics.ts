import type { Metrics } from '../../server/metrics.ts';

/** Metrics of a simulated server: bytes alone, since nobody asks for the rest. */
export function quietMetrics(): Metrics {
  const traffic = { up: 0, down: 0 };
  return {
    round() {},
    evaluation() {},
    secureAggregation() {},
    forget() {},
    clients() {},
    report() {},
    updateNorm() {},
    refused() {},
    auditFailing() {},
    bytes(direction, count) {
      traffic[direction] += count;
    },
    traffic: () => ({ ...traffic }),
    contentType: 'text/plain',
    text: async () => '',
  };
}
