import { FederatedError } from '../../shared/errors.ts';
import type { Answer } from './messages.ts';

/** Questions that wait for their answer, by number. */
export class Pending {
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: FederatedError): void }>();
  #last = 0;

  /** @param send - sends the question under its number */
  ask(send: (id: number) => void): Promise<unknown> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      send(id);
    });
  }

  settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.type === 'answer') waiting?.resolve(answer.value);
    else waiting?.reject(new FederatedError(answer.code, answer.message));
  }

  /** Nobody is there to answer any more. */
  failAll(error: FederatedError): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(error);
  }
}
