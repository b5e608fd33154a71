import type { ClientId } from '../../shared/ids.ts';
import type { ClientState, WaitReason } from '../../shared/states.ts';
import type { Attempt } from '../attempt/attempt.ts';
import type { Connected } from '../roster.ts';
import { hasGiven } from '../round.ts';
import type { ActiveRun } from '../run/active-run.ts';

export interface ShownState {
  readonly state: ClientState;
  readonly waiting: WaitReason | null;
}

/** Where a client stands, as operators see it. @param client - undefined when it is not connected */
export function stateOfClient(id: ClientId, client: Connected | undefined, run: ActiveRun | null): ShownState {
  if (client === undefined) return { state: 'off', waiting: null };
  if (!client.ready) return { state: client.state, waiting: client.reason };
  if (run === null) return { state: 'waiting', waiting: 'run-not-started' };
  const inAttempt = run.attempt === null ? null : stateInAttempt(id, client, run.attempt);
  return inAttempt ?? { state: 'waiting', waiting: run.idle.reasonFor(id) };
}

/** Null for a client that has no part in it, or none any more. */
function stateInAttempt(id: ClientId, client: Connected, attempt: Attempt): ShownState | null {
  const member = attempt.state.members.get(id);
  if (member === undefined) return null;
  if (hasGiven(attempt.state, member, 'report')) return { state: 'reported', waiting: 'round-in-progress' };
  if (attempt.isUploading(id)) return { state: 'uploading', waiting: null };
  if (attempt.waitsToUpload(id)) return { state: 'waiting', waiting: 'server-busy' };
  if (member.answered > 0 && member.state === 'training') return { state: 'uploading', waiting: null };
  if (member.state === 'training') return { state: 'training', waiting: null };
  if (member.state !== 'sent') return null;
  return { state: client.state === 'downloading' ? 'downloading' : 'selected', waiting: null };
}
