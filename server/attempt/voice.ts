import { fromHex } from '../../shared/bytes.ts';
import type { FederatedError } from '../../shared/errors.ts';
import type { ClientId } from '../../shared/ids.ts';
import type { ServerMessage } from '../../shared/protocol/messages.ts';
import type { Tell } from '../event-log.ts';
import type { Host, Population } from '../host.ts';
import type { Report } from '../uploads/uploads.ts';
import type { AttemptPlan, MessageWhere } from './plan.ts';

/** What an attempt says to its clients and to the operator. */
export class AttemptVoice {
  readonly where: MessageWhere;
  readonly #plan: AttemptPlan;
  readonly #host: Host;
  readonly #population: Population;
  readonly #event: Tell;
  #isSilent = false;

  constructor(plan: AttemptPlan, host: Host, population: Population, event: Tell) {
    const { run, round, attempt } = plan;
    this.where = { run, round, attempt };
    this.#plan = plan;
    this.#host = host;
    this.#population = population;
    this.#event = event;
  }

  send(id: ClientId, message: ServerMessage): void {
    if (!this.#isSilent) this.#population.send(id, message);
  }

  /** Nothing is sent any more. */
  silence(): void {
    this.#isSilent = true;
  }

  /** The attempt that a client of this one was told of: in an asynchronous run it may be an earlier one. */
  whereOf(client: ClientId): MessageWhere {
    const base = this.#plan.bases.get(client);
    return base === undefined ? this.where : { run: this.where.run, round: base.round, attempt: base.attempt };
  }

  /** Whether a message is about the very attempt that its client was told of. */
  isCurrent(client: ClientId, { run, round, attempt }: MessageWhere): boolean {
    const where = this.whereOf(client);
    return run === where.run && round === where.round && attempt === where.attempt;
  }

  /** @param deadline - ms from now. @param plans - of secure aggregation, as JSON */
  train(to: ClientId, deadline: number, plans: { readonly secagg: string; readonly update: string } | null): void {
    const { task, taskBytes, length, control, bases } = this.#plan;
    const { weights } = bases.get(to) ?? this.#plan;
    this.send(to, {
      type: 'train',
      ...this.whereOf(to),
      task: fromHex(task),
      weights: fromHex(weights),
      taskBytes,
      weightsBytes: 4 * length,
      ...(control === null ? {} : { control: fromHex(control), controlBytes: 4 * length }),
      deadline: Math.max(0, deadline),
      ...plans,
    });
    this.#host.onStep?.('train-sent');
  }

  phase(phase: string): void {
    const { round } = this.where;
    this.#event('phase', `Round ${round}: ${phase}.`, { round, phase });
  }

  received(client: ClientId): void {
    this.#host.onStep?.('report-received');
    this.send(client, { type: 'received', ...this.whereOf(client) });
  }

  counted(client: ClientId, report: Report, seen: Readonly<Record<string, unknown>>): void {
    const { metrics } = this.#host;
    metrics.report('counted');
    if (typeof seen['norm'] === 'number') metrics.updateNorm(seen['norm']);
    const how = typeof seen['examples'] === 'number' ? `${seen['examples']} examples` : 'masked';
    const data = { client, round: this.where.round, backend: report.backend, ...seen };
    this.#event('report', `Client ${client.slice(0, 8)} reported (${how}).`, data);
  }

  /** @param what - of the client was not taken */
  refused(client: ClientId, { run, round, attempt }: MessageWhere, error: FederatedError, what: string): void {
    const { code, message } = error;
    this.#host.metrics.refused(code);
    this.#host.log.warn({ client, code }, message);
    this.#event('refused', `${what} of client ${client.slice(0, 8)} was refused: ${message}`, { client, code });
    this.send(client, { type: 'refused', run, round, attempt, code, message: message.slice(0, 512) });
  }

  failed(client: ClientId, code: string, message: string): void {
    const text = `Client ${client.slice(0, 8)} goes no further with this attempt: ${message}`;
    this.#event('client', text, { client, code });
  }

  /** A client has revealed shares that are not those it was dealt, or dealt shares that fit nothing. */
  blamed(client: ClientId, what: string): void {
    this.#host.metrics.refused('BAD_SHARE');
    this.#event('refused', `Client ${client.slice(0, 8)} ${what}.`, { client, code: 'BAD_SHARE' });
  }
}
