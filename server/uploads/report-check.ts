import { equalBytes } from '../../shared/bytes.ts';
import { FederatedError, type ErrorCode } from '../../shared/errors.ts';
import type { MemberState } from '../round.ts';
import type { NamedSum } from '../strategies/strategy.ts';
import type { Report } from './uploads.ts';

export interface ReportContext {
  readonly run: string;
  /** The round in progress. */
  readonly round: number;
  readonly attempt: number;
  /** `float32`, or `masked` under secure aggregation: then the report names neither examples nor metrics. */
  readonly encoding: 'float32' | 'masked';
  /** Length of an update. */
  readonly bytes: number;
  readonly maxExamples: number;
  /** Numbers that the strategy needs beside an update in clear. */
  readonly named: readonly NamedSum[];
  /** Whether the round takes reports now. */
  readonly open: boolean;
  /** Where the sender stands in the cohort; undefined when it is not in it. */
  readonly member: MemberState | undefined;
  /** The name of the update of this sender that already counts. */
  readonly counted: Uint8Array | undefined;
}

/**
 * Checks what a report says of itself, before a byte of its update is taken: run, round, attempt, membership, size and
 * examples. Pure.
 * @returns `accept`; `known` when this very update already counts (a client asks again after a reconnect); or why not
 */
export function checkReport(report: Report, context: ReportContext): 'accept' | 'known' | FederatedError {
  const { round, attempt, member } = context;
  const refuse = (code: ErrorCode, message: string): FederatedError => new FederatedError(code, `report: ${message}`);
  if (report.run !== context.run)
    return refuse('WRONG_RUN', `the run in progress is ${context.run}, not ${report.run}`);
  if (report.round < round)
    return refuse('STALE_ROUND', `round ${report.round} is over; round ${round} is in progress`);
  if (report.round > round)
    return refuse('FUTURE_ROUND', `round ${report.round} has not begun; round ${round} is in progress`);
  if (report.attempt !== attempt)
    return refuse('WRONG_ATTEMPT', `attempt ${attempt} is in progress, not ${report.attempt}`);
  if (member === undefined) return refuse('NOT_SELECTED', `this client was not selected for round ${round}`);
  if (context.counted !== undefined) {
    return equalBytes(context.counted, report.upload)
      ? 'known'
      : refuse('DUPLICATE_REPORT', `an update of this client already counts in round ${round}`);
  }
  if (!context.open || member === 'late' || member === 'lost')
    return refuse('ROUND_CLOSED', `round ${round} takes no more reports`);
  if (member === 'left' || member === 'failed' || member === 'refused') {
    return refuse('ROUND_CLOSED', `this client is out of round ${round} (${member})`);
  }
  if (report.encoding !== context.encoding) {
    return refuse('WRONG_SHAPE', `encoding ${report.encoding}, expected ${context.encoding}`);
  }
  if (report.bytes !== context.bytes) {
    return refuse('WRONG_SHAPE', `${report.bytes} bytes, expected ${context.bytes}`);
  }
  if (context.encoding === 'masked') {
    if (report.examples === 0 && Object.keys(report.metrics).length === 0) return 'accept';
    return refuse('BAD_EXAMPLES', 'examples and metrics in clear beside a masked update, expected none');
  }
  if (report.examples < 1 || report.examples > context.maxExamples) {
    return refuse('BAD_EXAMPLES', `${report.examples} examples, expected 1 to ${context.maxExamples}`);
  }
  for (const { name, bound } of context.named) {
    const value = Object.hasOwn(report.metrics, name) ? report.metrics[name]! : Number.NaN;
    if (value >= 0 && value <= bound) continue;
    return refuse(
      'WRONG_SHAPE',
      `metric ${name} is ${Number.isNaN(value) ? 'missing' : value}, expected 0 to ${bound}`,
    );
  }
  return 'accept';
}
