import { clientIdOf } from '../../shared/crypto/identity.ts';
import type { Primitives } from '../../shared/crypto/primitives.ts';
import { FederatedError } from '../../shared/errors.ts';
import type { ClientId } from '../../shared/ids.ts';
import { checkClientProof, checkJoinProof } from '../../shared/protocol/handshake.ts';
import type { ClientMessage, MessageOf } from '../../shared/protocol/messages.ts';
import type { Store } from '../store/store.ts';

/**
 * Who may join: `code`, whoever knows the join code (its key is then on the roster, and it needs the code no more);
 * `registered`, only keys that the operator has put on the roster; `open`, anyone (for tests and demonstrations).
 */
export type AdmissionMode = 'code' | 'registered' | 'open';

export interface AdmissionOptions {
  readonly mode: AdmissionMode;
  readonly joinCode: string;
  readonly primitives: Primitives;
  readonly store: Store;
  /** ms since 1970 */
  readonly now: () => number;
}

/**
 * Checks the proof of a client's identity, and whether this identity may take part.
 * @throws FederatedError BAD_SIGNATURE, NOT_ADMITTED or EXCLUDED
 */
export async function admit(
  auth: MessageOf<ClientMessage, 'auth'>,
  transcript: Uint8Array,
  { mode, joinCode, primitives, store, now }: AdmissionOptions,
): Promise<ClientId> {
  checkClientProof({ primitives, transcript, proof: auth });
  const id = clientIdOf(primitives, auth.identity);
  const known = await store.client(id);
  if (known?.state === 'excluded') {
    throw new FederatedError('EXCLUDED', 'this client has been excluded by the operator');
  }
  if (known !== null) return id;
  if (mode === 'registered') {
    throw new FederatedError(
      'NOT_ADMITTED',
      `this server admits registered keys only; ask its operator to register ${id}`,
    );
  }
  if (mode === 'code') {
    const { identity, joinProof } = auth;
    const right = joinProof !== undefined && checkJoinProof({ primitives, transcript, identity, joinProof, joinCode });
    if (!right) {
      const what = joinProof === undefined ? 'no join code was given' : 'the join code is wrong';
      throw new FederatedError('NOT_ADMITTED', `${what}; join with the whole link that the server printed`);
    }
  }
  const label = auth.label ?? '';
  await store.saveClient({ id, publicKey: auth.identity, label, state: 'active', admittedAt: now() });
  return id;
}
