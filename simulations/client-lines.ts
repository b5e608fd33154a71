import type { ServerEvent } from '../server/operations.ts';
import { idOf } from './identities.ts';

/** Lines of `clients.jsonl` about what was reported: a client's number or name, its examples, the norm of its update. */
export class ClientLines {
  readonly #names: readonly string[] | null;
  readonly #numbers = new Map<string, number>();

  /** @param names - of the clients, in their order, where they have any */
  constructor(names: readonly string[] | null) {
    this.#names = names;
  }

  take({ type, data }: Pick<ServerEvent, 'type' | 'data'>): object[] {
    if (type !== 'report') return [];
    const { client, round, examples, norm, metrics = {} } = data;
    const number = this.#numberOf(client as string);
    const trained = Object.entries(metrics as object).map(([key, value]) => [`train/${key}`, value as unknown]);
    return [{ round, client: this.#names?.[number] ?? number, examples, norm, ...Object.fromEntries(trained) }];
  }

  /** Looked up in order: whoever reports is known at the latest once all before it are. */
  #numberOf(id: string): number {
    for (let next = this.#numbers.size; !this.#numbers.has(id); next++) this.#numbers.set(idOf(next), next);
    return this.#numbers.get(id)!;
  }
}
