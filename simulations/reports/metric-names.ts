/** What a metric is called on an axis, by its tag. */
const names: Readonly<Record<string, string>> = {
  'eval/accuracy': 'Held-out accuracy',
  'eval/loss': 'Held-out loss',
  'train/accuracy': 'Accuracy in training',
  'train/loss': 'Loss in training',
  'attack/success': 'Success of the backdoor',
  'drift/l2': 'Distance from the mean update (L2)',
  'drift/cosine': 'Cosine with the mean update',
  'drift/diversity': 'Diversity of the updates',
};

/** Where no name is known, the tag itself. */
export const metricName = (tag: string): string => names[tag] ?? tag;
