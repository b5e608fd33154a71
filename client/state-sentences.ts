import { waitReasons, type ClientState, type WaitReason } from '../shared/states.ts';

const uploadingInClear =
  'Sending the update, encrypted on its way. The server sees it: this run is without secure aggregation.';
const sentences: Record<ClientState, string> = {
  off: 'Not taking part.',
  'needs-consent': 'Waiting for your consent; nothing is sent before.',
  ineligible: 'Not taking part for now.',
  connecting: 'Connecting to the server.',
  waiting: 'Waiting.',
  selected: 'Selected for this round.',
  downloading: 'Fetching the model.',
  training: 'Training on the data of this device.',
  uploading: 'Sending the masked update: the server learns the sum over all clients only.',
  reported: 'The update has arrived; waiting for the round to end.',
  paused: 'Paused.',
  rejected: 'The server refused this client.',
  left: 'Left the federation.',
  failed: 'Failed.',
};

/**
 * A client's state as one plain sentence: the reason where there is one.
 * @param inClear - whether the server sees the update of the job in progress
 */
export function sentenceOf(state: ClientState, reason: WaitReason | null, inClear: boolean): string {
  if (reason !== null) return waitReasons[reason];
  return state === 'uploading' && inClear ? uploadingInClear : sentences[state];
}
