import * as crypto from 'node:crypto';
import type { Role } from '../operations.ts';
import { loadSecrets, rotateSecret, type Rotatable, type Secrets } from './secrets.ts';
import { checkToken } from './signed-token.ts';

/** Who shows a token. */
export interface Bearer {
  readonly role: Role;
  /** For the audit log: `admin`, `viewer`, `client`, `signed:<name>`. */
  readonly who: string;
}

/** The secrets of a data folder as they are now, and whose a token is. */
export class Keyring {
  readonly #dataDir: string;
  readonly #now: () => number;
  readonly #isClient: (token: string) => boolean;
  #secrets: Secrets;

  private constructor(secrets: Secrets, dataDir: string, now: () => number, isClient: (token: string) => boolean) {
    this.#secrets = secrets;
    this.#dataDir = dataDir;
    this.#now = now;
    this.#isClient = isClient;
  }

  /**
   * @param now - ms since 1970
   * @param isClient - whether a connected client has this token
   * @throws FederatedError BAD_FILE
   */
  static async open(dataDir: string, now: () => number, isClient: (token: string) => boolean): Promise<Keyring> {
    return new Keyring(await loadSecrets(dataDir), dataDir, now, isClient);
  }

  get secrets(): Secrets {
    return this.#secrets;
  }

  /** Compares in constant time. */
  bearerOf(token: string): Bearer | null {
    const { adminToken, viewerToken, tokenKey } = this.#secrets;
    if (isSame(token, adminToken)) return { role: 'admin', who: 'admin' };
    if (isSame(token, viewerToken)) return { role: 'viewer', who: 'viewer' };
    if (this.#isClient(token)) return { role: 'client', who: 'client' };
    const claims = checkToken(tokenKey, token, this.#now());
    return claims === null ? null : { role: claims.role, who: `signed:${claims.name}` };
  }

  /** Makes a secret anew: what was given out from it counts no more. */
  async rotate(what: Rotatable): Promise<void> {
    await rotateSecret(this.#dataDir, what);
    this.#secrets = await loadSecrets(this.#dataDir);
  }
}

const isSame = (a: string, b: string): boolean =>
  a.length === b.length && crypto.timingSafeEqual(Buffer.from(a), Buffer.from(b));
