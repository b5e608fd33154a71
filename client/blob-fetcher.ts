import { toHex } from '../shared/bytes.ts';
import { asFederatedError, FederatedError } from '../shared/errors.ts';
import { defaultLimits } from '../shared/protocol/limits.ts';
import type { ClientPlatform } from './platform.ts';

const tries = 4;

/** Fetches blobs by hash, checks them, and keeps the last one, so that a model is downloaded once. */
export class BlobFetcher {
  /** The token of the newest session. */
  token = '';
  readonly #platform: ClientPlatform;
  readonly #httpUrl: string;
  #last: { readonly sha256: string; readonly bytes: Uint8Array } | null = null;

  constructor(platform: ClientPlatform, httpUrl: string) {
    this.#platform = platform;
    this.#httpUrl = httpUrl;
  }

  /**
   * @param sha256 - 64 hex digits
   * @param size - bytes that the server announced; anything else is refused
   * @throws FederatedError BLOB_MISMATCH, CONNECTION_LOST, NOT_FOUND, TOO_LARGE or ABORTED
   */
  async fetch(sha256: string, size: number, signal: AbortSignal): Promise<Uint8Array> {
    if (this.#last?.sha256 === sha256) return this.#last.bytes;
    if (size > defaultLimits.maxUpdateBytes) {
      throw new FederatedError(
        'TOO_LARGE',
        `the server announced a model of ${size} bytes; this client takes at most ${defaultLimits.maxUpdateBytes}`,
      );
    }
    for (let attempt = 1; ; attempt++) {
      const { token } = this;
      try {
        const bytes = await this.#download(sha256, size, signal);
        this.#last = { sha256, bytes };
        return bytes;
      } catch (thrown) {
        const error = asFederatedError(thrown, 'CONNECTION_LOST');
        // The token changes with each session, so a refused one is worth another try too.
        const again = error.retry || error.code === 'NOT_AUTHORISED';
        if (signal.aborted) throw new FederatedError('ABORTED', 'the download was cancelled', { cause: error });
        if (!again) throw error;
        // What was tried while the server was away says nothing of the one that is there now.
        if (this.token !== token) attempt = 0;
        if (attempt === tries) throw error;
        await new Promise<void>((resolve) => this.#platform.clock.after(200 * 2 ** attempt, resolve));
      }
    }
  }

  async #download(sha256: string, size: number, signal: AbortSignal): Promise<Uint8Array> {
    const url = `${this.#httpUrl}/v1/blobs/${sha256}`;
    const bytes = await this.#platform.download(url, { token: this.token, maxBytes: size, signal });
    if (bytes.length !== size || toHex(this.#platform.primitives.sha256(bytes)) !== sha256) {
      throw new FederatedError(
        'BLOB_MISMATCH',
        `what came for blob ${sha256.slice(0, 8)} (${bytes.length} bytes) is not that blob (${size} bytes)`,
      );
    }
    return bytes;
  }
}
