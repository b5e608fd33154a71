import { FederatedError } from '../errors.ts';

/**
 * Puts a long control message together from its parts, which come in order and without gaps. Every part but the last has
 * `partBytes` bytes, so that memory is only taken for a message that is as long as it says.
 */
export class LongMessage {
  readonly #maxBytes: number;
  readonly #partBytes: number;
  #bytes: Uint8Array | null = null;
  #filled = 0;

  constructor({ maxBytes, partBytes }: { readonly maxBytes: number; readonly partBytes: number }) {
    this.#maxBytes = maxBytes;
    this.#partBytes = partBytes;
  }

  /**
   * @returns the whole message with its last part, else null
   * @throws FederatedError TOO_LARGE, BAD_FRAME
   */
  take({ total, offset, payload }: { total: number; offset: number; payload: Uint8Array }): Uint8Array | null {
    if (total > this.#maxBytes) {
      throw new FederatedError('TOO_LARGE', `message: ${total} bytes in parts, at most ${this.#maxBytes}`);
    }
    const isLast = offset + payload.length === total;
    const expected = this.#bytes === null ? 0 : this.#filled;
    const continues = offset === expected && (this.#bytes === null || this.#bytes.length === total);
    if (!continues || (!isLast && payload.length !== this.#partBytes)) {
      throw new FederatedError(
        'BAD_FRAME',
        `frame: a part from ${offset} of ${total} bytes does not follow the one before`,
      );
    }
    if (isLast && offset === 0) return payload;
    this.#bytes ??= new Uint8Array(total);
    this.#bytes.set(payload, offset);
    this.#filled = offset + payload.length;
    if (!isLast) return null;
    const whole = this.#bytes;
    this.#bytes = null;
    this.#filled = 0;
    return whole;
  }
}
