import { FederatedError } from '../../shared/errors.ts';
import { optionsOf, strategyNames, type StrategyName } from './options.ts';

/** Short forms of a spec. */
const aliases: Readonly<Record<string, string>> = {
  lr: 'serverLearningRate',
  momentum: 'serverMomentum',
  mu: 'proximalMu',
  layers: 'personalLayers',
  f: 'byzantine',
};

const isStrategyName = (name: string): name is StrategyName => (strategyNames as readonly string[]).includes(name);

/**
 * A strategy in one word, as on a command line: `fedavg`, `fedadam:lr=0.1,tau=0.001`. After the name the options of the config
 * (`lr` is `serverLearningRate`, `momentum` `serverMomentum`, `mu` `proximalMu`, `layers` `personalLayers`, `f` `byzantine`), in camelCase or kebab-case; what they may be is
 * checked with the config.
 * @throws FederatedError BAD_CONFIG naming the known strategies, or the options that this one has
 */
export function parseStrategy(spec: string): { name: StrategyName } & Record<string, unknown> {
  const colon = spec.indexOf(':');
  const name = (colon < 0 ? spec : spec.slice(0, colon)).trim();
  if (!isStrategyName(name)) {
    throw new FederatedError(
      'BAD_CONFIG',
      `strategy: no ${JSON.stringify(name)}; known are ${strategyNames.join(', ')}`,
    );
  }
  const options: Record<string, unknown> = {};
  const known = optionsOf(name);
  for (const setting of colon < 0 ? [] : spec.slice(colon + 1).split(',')) {
    const [key = '', text] = setting.split('=').map((side) => side.trim());
    const option = aliases[key] ?? key.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    if (text === undefined || text === '' || setting.split('=').length > 2 || !known.includes(option)) {
      const shown = known.map((each) => `${each}=…`).join(', ');
      throw new FederatedError(
        'BAD_CONFIG',
        `strategy ${name}: ${JSON.stringify(setting.trim())} is no option of it; it has ${shown || 'none'}`,
      );
    }
    if (Object.hasOwn(options, option)) {
      throw new FederatedError('BAD_CONFIG', `strategy ${name}: ${option} is given twice`);
    }
    options[option] = Number.isNaN(Number(text)) ? text : Number(text);
  }
  return { ...options, name };
}
