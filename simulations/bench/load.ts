import { cpus, loadavg } from 'node:os';
import { FederatedError } from '../../shared/errors.ts';
import { measureBaselines } from './load-baselines.ts';
import { measureIdle } from './load-idle.ts';
import { maxPatternClients } from './load-pattern.ts';
import { megabyte } from './load-processes.ts';
import { measureRound, measureSiege } from './load-round.ts';
import { measureSecure } from './load-secure.ts';
import { reportOf, rowOf, type BenchReport, type BenchRow } from './report.ts';

/** The server under load: idle connections, a round of many large updates, liars and slow readers beside it. */

export interface LoadBenchOptions {
  /** Idle connections; 0 leaves them out. */
  readonly idle: number;
  /** Clients of the large round, 2 or more, and parameters of its model; 0 clients leave it out. */
  readonly clients: number;
  readonly params: number;
  /** Clients of the round with liars and slow readers beside it, 2 or more, and so many of each of those; 0 leaves it out. */
  readonly besieged: number;
  /** Clients of a round with secure aggregation, real ones that mask; 0 leaves it out. */
  readonly secure: number;
  /** How long idle connections are watched, s. */
  readonly watch: number;
  /** MB that a measurement of the baselines takes. */
  readonly baseline: number;
  readonly onProgress?: (text: string) => void;
}

/**
 * Every row is a measurement of one run, and the machine's load is among them: the baselines are of the same minute.
 * @throws FederatedError BAD_ARGUMENT, INTERNAL when a report was lost or counted twice, or the model is not the reference
 */
export async function benchLoad(options: LoadBenchOptions): Promise<BenchReport> {
  const { idle, clients, params, besieged, secure, watch, baseline, onProgress: say = () => {} } = options;
  checkOptions(options);
  const rows: BenchRow[] = [
    rowOf('load of the machine, 1 minute', { cores: cpus().length }, 'processes', [loadavg()[0]!]),
  ];
  say('the same bytes without Fedloom');
  const speeds = await measureBaselines(baseline * megabyte);
  rows.push(...speeds.rows);
  if (idle > 0) rows.push(...(await measureIdle(idle, watch, say)));
  if (clients > 0) rows.push(...(await measureRound({ clients, params }, speeds, say)).rows);
  if (besieged > 0) rows.push(...(await measureSiege(besieged, params, speeds, say)));
  if (secure > 0) rows.push(...(await measureSecure(secure, params, speeds, say)));
  return reportOf('load', rows);
}

function checkOptions({ idle, clients, besieged }: LoadBenchOptions): void {
  if (clients > maxPatternClients || 2 * besieged > maxPatternClients) {
    throw new FederatedError('BAD_ARGUMENT', `load: at most ${maxPatternClients} clients in a round`);
  }
  if (clients === 1 || besieged === 1) {
    throw new FederatedError('BAD_ARGUMENT', 'load: a round takes 0 clients, which leaves it out, or at least 2');
  }
  const { userLimits } = process.report.getReport() as { userLimits: { open_files: { hard: number | string } } };
  const files = Number(userLimits.open_files.hard); // NaN: unlimited
  const wanted = Math.max(idle, clients, 4 * besieged) + 200;
  if (files >= wanted || Number.isNaN(files)) return;
  throw new FederatedError(
    'BAD_ARGUMENT',
    `load: ${wanted} files must be open at once and this shell allows ${files}; raise it with \`ulimit -n ${wanted}\`, or ask for fewer connections`,
  );
}
