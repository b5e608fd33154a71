/** The words for where a run, a round and a client stand: the same in code, API, page and command line. */

export const runStates = [
  'created',
  'waiting',
  'running',
  'pausing',
  'paused',
  'stopping',
  'stopped',
  'finished',
  'failed',
] as const;
export type RunState = (typeof runStates)[number];

/** A run in one of these states never changes again. */
export const finalRunStates: readonly RunState[] = ['stopped', 'finished', 'failed'];

export const roundPhases = ['selecting', 'sending', 'training', 'unmasking', 'aggregating', 'evaluating'] as const;
export type RoundPhase = (typeof roundPhases)[number];

/** `short`: fewer reports than wanted but at least `minReports`. `abandoned`: fewer; the model is unchanged. */
export type RoundResult = 'done' | 'short' | 'abandoned';

export const clientStates = [
  'off',
  'needs-consent',
  'ineligible',
  'connecting',
  'waiting',
  'selected',
  'downloading',
  'training',
  'uploading',
  'reported',
  'paused',
  'rejected',
  'left',
  'failed',
] as const;
export type ClientState = (typeof clientStates)[number];

/** Why nothing is happening, one plain sentence each. */
export const waitReasons = {
  'not-enough-clients': 'Waiting for more clients to join.',
  'not-selected': 'Waiting: other clients were picked for this round.',
  'round-in-progress': 'Waiting for the round in progress to end.',
  'run-not-started': 'Waiting for the operator to start a run.',
  'run-finished': 'The run is finished; waiting for the next one.',
  'server-paused': 'Waiting: the operator has paused the run.',
  'server-busy': 'Waiting for a free place to upload.',
  'server-unreachable': 'Waiting to reconnect: the server does not answer.',
  'not-charging': 'Waiting: connect the charger.',
  'low-battery': 'Waiting: the battery is low.',
  metered: 'Waiting for a connection that is not metered.',
  'not-idle': 'Waiting for the device to be idle.',
  'too-hot': 'Waiting for the device to cool down.',
  'other-tab': 'Waiting: another tab of this site is taking part.',
  'data-too-small': 'Not taking part: there are too few examples on this device.',
  'budget-spent': 'Not taking part: the privacy budget is spent.',
  'plan-refused': "Not taking part: the run's plan protects this device's data less than this client demands.",
  'outdated-client': 'Not taking part: this client is older than the server allows.',
  'paused-by-user': 'Paused on this device.',
} as const;
export type WaitReason = keyof typeof waitReasons;
export const isWaitReason = (text: string): text is WaitReason => Object.hasOwn(waitReasons, text);
