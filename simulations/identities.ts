import * as crypto from 'node:crypto';
import { utf8 } from '../shared/bytes.ts';
import { clientIdOf } from '../shared/crypto/identity.ts';
import { nativePrimitives } from '../shared/crypto/native.ts';
import type { ClientId } from '../shared/ids.ts';

/** Who the simulated clients are: the same in every simulation and on every transport, so that the same are selected. */

export const primitives = nativePrimitives(crypto);

/** 32 bytes. No secret: whoever has this program has it too. */
export const identitySeed = (client: number): Uint8Array =>
  primitives.sha256(utf8(`fedloom simulation, client ${client}`));

export const idOf = (client: number): ClientId =>
  clientIdOf(primitives, primitives.signingPublicKey(identitySeed(client)));

/** Of the order of a client's batches. */
export const clientSeed = (seed: number, client: number): string => `${seed}-${client}`;
