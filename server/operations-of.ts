import { clientIdOf } from '../shared/crypto/identity.ts';
import { FederatedError } from '../shared/errors.ts';
import type { Coordinator } from './coordinator.ts';
import { modelFiles } from './export/model-files.ts';
import type { Host } from './host.ts';
import type { Operations } from './operations.ts';

/**
 * What operators can do with a server, as one surface.
 * @param info - what there is to say of the server now
 */
export function operationsOf(
  coordinator: Coordinator,
  { store, blobs, clock, primitives }: Pick<Host, 'store' | 'blobs' | 'clock' | 'primitives'>,
  info: Operations['info'],
): Operations {
  return {
    info,
    runs: () => coordinator.runs(),
    run: (id) => coordinator.run(id),
    config: (id) => coordinator.config(id),
    rounds: (id, after) => coordinator.rounds(id, after),
    history: (id, after) => coordinator.history(id, after),
    round: (id, round) => coordinator.round(id, round),
    clientRounds: (id, client) => coordinator.clientRounds(id, client),
    exportModel: (wanted) => modelFiles(store, blobs, wanted),
    create: (config, id) => coordinator.create(config, id),
    pause: (id) => coordinator.pause(id),
    resume: (id) => coordinator.resume(id),
    stop: (id, { now = false } = {}) => coordinator.stop(id, now),
    remove: (id) => coordinator.remove(id),
    clients: () => coordinator.clients(),
    async register(publicKey, label) {
      if (publicKey.length !== 32)
        throw new FederatedError('BAD_ARGUMENT', `a public key has 32 bytes, got ${publicKey.length}`);
      const id = clientIdOf(primitives, publicKey);
      await store.saveClient({ id, publicKey, label, state: 'active', admittedAt: clock.now() });
      return id;
    },
    async exclude(id, excluded) {
      const client = await store.client(id);
      if (client === null) throw new FederatedError('NOT_FOUND', `no client ${id} on the roster`);
      await store.saveClient({ ...client, state: excluded ? 'excluded' : 'active' });
      if (excluded) coordinator.sessionOf(id)?.end('EXCLUDED', 'this client has been excluded by the operator');
    },
  };
}
