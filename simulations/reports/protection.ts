import { fieldOf, type RunRecord } from './run-record.ts';
import { seriesOf } from './headline.ts';

/** One thing that is protected, or is not. */
export interface Protection {
  readonly what: string;
  readonly protected: 'yes' | 'no' | 'unknown';
  readonly sentence: string;
}

/** What a run protected, from whom, by what; and plainly what it did not. */
export function protections(run: RunRecord): Protection[] {
  const simulated = isSimulated(run);
  return [
    ...(simulated
      ? [
          {
            what: 'Simulation',
            protected: 'no',
            sentence:
              'All data lay on one machine, in the hands of whoever ran it. The lines below say what a deployment with these settings would protect.',
          } as const,
        ]
      : []),
    aggregation(run),
    differential(run),
    {
      what: 'Training data',
      protected: 'yes',
      sentence:
        'Examples stay on the client. Updates and the model are made from them and may reveal something of them.',
    },
    {
      what: 'On the network',
      protected: 'yes',
      sentence: 'Sessions are encrypted and authenticated, with or without TLS. Sizes and times can be seen.',
    },
  ];
}

/** Only a simulation has a partition. */
export const isSimulated = ({ config }: Pick<RunRecord, 'config'>): boolean =>
  fieldOf(config, 'partition') !== undefined;

function aggregation({ config }: RunRecord): Protection {
  const what = 'Single updates';
  const secure = fieldOf(config, 'secureAggregation');
  if (secure === true) {
    const sentence =
      'Secure aggregation was ON: the server learned sums over at least three clients, and no single update. Enough clients that collude with the server can still break it; SECURITY.md says how many.';
    return { what, protected: 'yes', sentence };
  }
  if (secure === false) {
    return {
      what,
      protected: 'no',
      sentence: 'Secure aggregation was OFF: the server saw the update of every single client.',
    };
  }
  return {
    what,
    protected: 'unknown',
    sentence: 'The settings do not say whether aggregation was secure. Assume that it was not.',
  };
}

function differential(run: RunRecord): Protection {
  const what = 'What the model reveals';
  const epsilon = seriesOf(run, 'privacy/epsilon').at(-1);
  if (epsilon === undefined) {
    const sentence =
      'No differential privacy: no bound can be given on what the model reveals about one client or one example.';
    return { what, protected: 'no', sentence };
  }
  const delta = fieldOf(run.config, 'privacy.delta') ?? fieldOf(run.config, 'delta');
  const also = typeof delta === 'number' ? `, δ = ${delta}` : '';
  const sentence = `Differential privacy: ε = ${Number(epsilon.value.toPrecision(4))}${also} after round ${epsilon.round}. The larger ε, the weaker the promise.`;
  return { what, protected: 'yes', sentence };
}
