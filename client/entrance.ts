import type { Signer } from '../shared/crypto/identity.ts';
import type { ClientState, WaitReason } from '../shared/states.ts';
import type { Consent } from './consent.ts';
import type { ClientPlatform, DeviceKeys } from './platform.ts';

export interface EntranceOptions {
  readonly consent: Consent;
  /** Nobody need be asked. */
  readonly isConsentGiven: boolean;
  readonly keys: DeviceKeys;
  readonly platform: Pick<ClientPlatform, 'turn'>;
  readonly show: (state: ClientState, reason: WaitReason | null) => void;
}

/** The way in, before there is a session: the user's consent, this client's turn on the device, and the device's key. */
export class Entrance {
  readonly #options: EntranceOptions;
  #loading: Promise<unknown> = Promise.resolve();
  #onConsent: () => void = () => {};
  /** Ends the wait for this client's turn on the device. */
  #cancelTurn: () => void = () => {};
  #endTurn: () => void = () => {};

  constructor(options: EntranceOptions) {
    this.#options = options;
  }

  /**
   * Resolves once all is there.
   * @param hasLeft - whether the client has left meanwhile, or its consent is revoked
   * @returns null when it has
   */
  async pass(hasLeft: () => boolean): Promise<Signer | null> {
    const { consent, isConsentGiven, keys, show } = this.#options;
    await consent.load();
    while (!isConsentGiven && !consent.granted && !hasLeft()) {
      show('needs-consent', null);
      await new Promise<void>((resolve) => {
        this.#onConsent = resolve;
      });
    }
    if (hasLeft()) return null;
    await this.#takeTurn();
    if (hasLeft()) return null;
    const loading = keys.load();
    this.#loading = loading.catch(() => {}); // for whoever removes it
    const key = await loading;
    return hasLeft() ? null : key;
  }

  /** The user has been asked. */
  consented(): void {
    this.#onConsent();
  }

  /** Ends what is waited for. */
  leave(): void {
    this.#cancelTurn();
    this.#onConsent();
  }

  /** Another client of this device may take part. */
  giveTurn(): void {
    this.#endTurn();
  }

  async forgetKey(): Promise<void> {
    await this.#loading;
    await this.#options.keys.remove();
  }

  /** Waits until no other client of this device takes part, or this one leaves. */
  async #takeTurn(): Promise<void> {
    const wait = new AbortController();
    this.#cancelTurn = () => wait.abort();
    const { platform, show } = this.#options;
    const endTurn = await platform.turn?.(() => show('waiting', 'other-tab'), wait.signal);
    this.#endTurn = endTurn ?? (() => {});
  }
}
