import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ErrorCode } from '../shared/errors.ts';
import type { RunId } from '../shared/ids.ts';
import type { RoundRecord } from '../shared/round-log.ts';
import type { Evaluation } from './store/store.ts';

/** What the server counts, in Prometheus' text format. Every method is a few additions: cheap enough for each frame. */
export interface Metrics {
  /** A round that ended. @param seconds - from its first word to its last; @param cohort - clients selected */
  round(record: RoundRecord, seconds: number, cohort: number): void;
  evaluation(run: RunId, evaluation: Evaluation): void;
  secureAggregation(run: RunId, on: boolean): void;
  /** The run was removed: nothing is told of it any more. */
  forget(run: RunId): void;
  /** Clients with an open session, and those of them that could train now. */
  clients(connected: number, ready: number): void;
  report(result: 'counted' | 'refused'): void;
  /** @param norm - L2 norm of one counted update, in weight units */
  updateNorm(norm: number): void;
  /** `up`: from clients; `down`: to clients. */
  bytes(direction: 'up' | 'down', count: number): void;
  /** All bytes counted so far. */
  traffic(): { readonly up: number; readonly down: number };
  /** Something that a peer sent and that was not accepted. */
  refused(code: ErrorCode): void;
  /** Whether entries of the audit log wait, since they cannot be written. */
  auditFailing(failing: boolean): void;
  /** The `Content-Type` of `text`. */
  readonly contentType: string;
  text(): Promise<string>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const perRun = (name: string, help: string) => new Gauge({ name, help, labelNames: ['run'] as const, registers });
  const round = perRun('fl_round', 'Last committed round');
  const accuracy = perRun('fl_eval_accuracy', 'Accuracy of the global model in central evaluation, 0 to 1');
  const loss = perRun('fl_eval_loss', 'Loss of the global model in central evaluation');
  const secure = perRun('fl_secure_aggregation', '1 when the server sees sums of updates only, else 0');
  const rounds = new Counter({
    name: 'fl_rounds_total',
    help: 'Rounds that ended, by result',
    labelNames: ['result'] as const,
    registers,
  });
  const duration = new Histogram({
    name: 'fl_round_duration_seconds',
    help: 'Length of a round',
    buckets: [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000],
    registers,
  });
  const participation = new Gauge({
    name: 'fl_participation_ratio',
    help: 'Part of the last cohort whose reports were counted',
    registers,
  });
  const clients = new Gauge({
    name: 'fl_clients',
    help: 'Clients, by state',
    labelNames: ['state'] as const,
    registers,
  });
  const reports = new Counter({
    name: 'fl_client_reports_total',
    help: 'Reports, by result',
    labelNames: ['result'] as const,
    registers,
  });
  const norms = new Histogram({
    name: 'fl_update_norm',
    help: 'L2 norm of counted updates',
    buckets: [0.001, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 1_000],
    registers,
  });
  const bytes = new Counter({
    name: 'fl_bytes_total',
    help: 'Bytes from clients (up) and to clients (down)',
    labelNames: ['direction'] as const,
    registers,
  });
  const refusals = new Counter({
    name: 'fl_refused_total',
    help: 'What peers sent and was not accepted, by error code',
    labelNames: ['code'] as const,
    registers,
  });

  const audit = new Gauge({
    name: 'fl_audit_failing',
    help: '1 while entries of the audit log cannot be written, else 0',
    registers,
  });

  const traffic = { up: 0, down: 0 };

  return {
    round(record, seconds, cohort) {
      rounds.inc({ result: record.result });
      duration.observe(seconds);
      if (cohort > 0) participation.set(record.reports.length / cohort);
      if (record.result !== 'abandoned') round.set({ run: record.run }, record.round);
    },
    evaluation(run, evaluation) {
      if (evaluation['accuracy'] !== undefined) accuracy.set({ run }, evaluation['accuracy']);
      if (evaluation['loss'] !== undefined) loss.set({ run }, evaluation['loss']);
    },
    forget(run) {
      for (const gauge of [round, accuracy, loss, secure]) gauge.remove({ run });
    },
    secureAggregation: (run, on) => secure.set({ run }, on ? 1 : 0),
    clients(connected, ready) {
      clients.set({ state: 'connected' }, connected);
      clients.set({ state: 'ready' }, ready);
    },
    report: (result) => reports.inc({ result }),
    updateNorm: (norm) => norms.observe(norm),
    bytes(direction, count) {
      traffic[direction] += count;
      bytes.inc({ direction }, count);
    },
    traffic: () => ({ ...traffic }),
    refused: (code) => refusals.inc({ code }),
    auditFailing: (failing) => audit.set(failing ? 1 : 0),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}
