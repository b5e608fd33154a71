/** What a metric is called on an axis, by its tag. */
const names: Readonly<Record<string, string>> = {
  'eval/accuracy': 'Held-out accuracy',
  'eval/loss': 'Held-out loss',
  'train/accuracy': 'Accuracy in training',
  'train/loss': 'Loss in training',
  'attack/success': 'Success of the backdoor',
  'time/wall': 'Real time of the round',
  'drift/l2': 'Distance from the mean update (L2)',
  'drift/cosine': 'Cosine with the mean update',
  'drift/diversity': 'Diversity of the updates',
};

const gaps: Readonly<Record<string, string>> = {
  'accuracy-gap': 'Gap in accuracy',
  'tpr-gap': 'Gap in true-positive rate',
  'parity-gap': 'Gap in positive rate',
};

/** Where no name is known, the tag itself. */
export function metricName(tag: string): string {
  const [, group, gap = ''] = /^group\/(.+)\/([a-z-]+)$/.exec(tag) ?? [];
  if (group !== undefined && Object.hasOwn(gaps, gap)) return `${gaps[gap]} by ${group}`;
  return names[tag] ?? tag;
}
