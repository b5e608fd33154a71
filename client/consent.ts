import { toHex, utf8 } from '../shared/bytes.ts';
import type { Primitives } from '../shared/crypto/primitives.ts';
import type { ClientStore } from './platform.ts';

export interface ConsentRecord {
  readonly state: 'granted' | 'revoked';
  /** ms since 1970 */
  readonly at: number;
  /** SHA-256 of the text that was shown, or null when none was given. */
  readonly textSha256: string | null;
}

const key = 'consent.json';

/** The user's consent to take part: kept with its date and a hash of what was shown. */
export class Consent {
  readonly #store: ClientStore;
  readonly #primitives: Primitives;
  readonly #now: () => number;
  readonly #onChange: (record: ConsentRecord) => Promise<void>;
  #record: ConsentRecord | null = null;

  constructor(options: {
    readonly store: ClientStore;
    readonly primitives: Primitives;
    readonly now: () => number;
    readonly onChange: (record: ConsentRecord) => Promise<void>;
  }) {
    this.#store = options.store;
    this.#primitives = options.primitives;
    this.#now = options.now;
    this.#onChange = options.onChange;
  }

  /** Reads what an earlier session stored. */
  async load(): Promise<void> {
    const bytes = await this.#store.load(key);
    if (bytes === null) return;
    try {
      const record = JSON.parse(new TextDecoder().decode(bytes)) as ConsentRecord;
      if (record.state === 'granted' || record.state === 'revoked') this.#record = record;
    } catch {
      this.#record = null; // a record that cannot be read is no consent
    }
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
    const textSha256 = text === undefined ? null : toHex(this.#primitives.sha256(utf8(text)));
    await this.#set({ state: 'granted', at: this.#now(), textSha256 });
  }

  /** Leaves the federation; deletes identity, cached model, kept update and the ledger of rounds from this device. */
  async revoke(): Promise<void> {
    await this.#set({ state: 'revoked', at: this.#now(), textSha256: null });
  }

  async #set(record: ConsentRecord): Promise<void> {
    this.#record = record;
    await this.#store.save(key, utf8(JSON.stringify(record)));
    await this.#onChange(record);
  }
}
