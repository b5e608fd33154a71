import type { ConsentRecord } from '../consent.ts';
import type { HostLink } from './host-link.ts';

/** The user's consent, as a page has it: kept by the client in the worker. */
export class PageConsent {
  readonly #link: HostLink;
  #record: ConsentRecord | null = null;

  constructor(link: HostLink) {
    this.#link = link;
  }

  /** Reads what an earlier visit stored. */
  async load(): Promise<void> {
    this.#record = await this.#link.call('consent', undefined);
  }

  get record(): ConsentRecord | null {
    return this.#record;
  }

  /** `none`: nobody has been asked yet, as far as `load` has found. */
  get state(): 'none' | 'granted' | 'revoked' {
    return this.#record?.state ?? 'none';
  }

  get granted(): boolean {
    return this.#record?.state === 'granted';
  }

  /** @param text - what was shown to the user; only its hash is kept */
  async grant(text?: string): Promise<void> {
    this.#record = await this.#link.call('grant', text);
  }

  /** Leaves the federation; deletes identity, cached model, kept update and the ledger of rounds from this device. */
  async revoke(): Promise<void> {
    this.#record = await this.#link.call('revoke', undefined);
  }

  /** The client says that it has changed. */
  heard(record: ConsentRecord): void {
    this.#record = record;
  }
}
