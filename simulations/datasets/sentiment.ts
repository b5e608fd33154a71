import { splitFifth } from './columns.ts';
import { badFile } from './file.ts';
import { groupBy, pickGrouping } from './groups.ts';
import type { Source } from './loaded.ts';
import { linesOf, setFiles, type DataSet, type Split } from './set-files.ts';

/**
 * Sentences from reviews of products, films and restaurants: class 1 praises, class 0 complains. Each of the three sites is a
 * client, with its own subjects and style. 2,048 features: each word is put into one of so many boxes by a hash (Weinberger et
 * al., Feature Hashing for Large Scale Multitask Learning, 2009), so that the sites need no vocabulary in common and tell nobody
 * their words. A box is 1 where one of its words occurs; the sentence is scaled to length 1. A fifth of each site's sentences,
 * drawn by a fixed seed, is for tests. (Logistic regression has 75 % of
 * the test sentences right.)
 */
export const boxes = 2_048;

/** The boxes of a sentence, ascending, each once. Words are runs of letters, digits and apostrophes, in lower case. */
export function boxesOf(sentence: string): number[] {
  const words = sentence.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? [];
  return [...new Set(words.map((word) => hashOf(word) % boxes))].toSorted((a, b) => a - b);
}

/** FNV-1a over UTF-16 units, 32 bits (Fowler, Noll, Vo), the bits then mixed as in MurmurHash3, since the low ones alone count. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** @throws FederatedError BAD_FILE */
export function parseSentences(text: string, name: string): { readonly sentence: string; readonly label: number }[] {
  return linesOf(text).map((line, i) => {
    const tab = line.lastIndexOf('\t');
    const label = line.slice(tab + 1);
    if (tab < 0 || (label !== '0' && label !== '1')) {
      throw badFile(name, `line ${i + 1}: expected a sentence, a tab, and 0 or 1`);
    }
    return { sentence: line.slice(0, tab), label: Number(label) };
  });
}

/** One split of the sentences of some sites. */
export function sentenceSource(
  sites: readonly { readonly name: string; readonly sentences: ReturnType<typeof parseSentences> }[],
  split: Split,
): Source {
  const owners = sites.flatMap(({ name, sentences }) => sentences.map(() => name));
  const all = sites.flatMap(({ sentences }) => sentences);
  const rows = splitFifth('sentiment', owners)[split];
  const found = Array.from(rows, (row) => boxesOf(all[row]!.sentence));
  const labels = Int32Array.from(rows, (row) => all[row]!.label);
  return {
    name: 'sentiment',
    count: rows.length,
    clients: pickGrouping(groupBy(owners), rows),
    take(indices) {
      const xs = new Float32Array(indices.length * boxes);
      for (const [i, index] of indices.entries()) {
        const own = found[index]!;
        for (const box of own) xs[i * boxes + box] = 1 / Math.sqrt(own.length);
      }
      const ys = Int32Array.from(indices, (index) => labels[index]!);
      return { name: 'sentiment', xs, ys, count: indices.length, features: [boxes], classes: 2 };
    },
  };
}

const sites = {
  amazon: 'amazon_cells_labelled.txt.gz',
  imdb: 'imdb_labelled.txt.gz',
  yelp: 'yelp_labelled.txt.gz',
};
const { text, ...found } = setFiles('sentiment', 'sentiment-sentences', {
  [sites.amazon]: '9ed17267c18ac36150ed495867e19cd6727479d3d1c3ff1bbb6ff0035416f370',
  [sites.imdb]: 'cceae46dde5da89dd7ba7e6d6be57660d078ac35fb851a70290c54c9bec4e263',
  [sites.yelp]: '0ba04f6e1acddcf42cacf12b7054ca7074f03e6ce8760f4b146473bb1f9ed296',
});

export const sentiment: DataSet = {
  name: 'sentiment',
  title: 'Praise or complaint: sentences from reviews on three sites',
  examples: { train: 2_400, test: 600 },
  clients: { what: 'sites', train: 3, test: 3 },
  groups: [],
  licence: 'CC BY 4.0',
  source:
    'D. Kotzias, M. Denil, N. de Freitas, P. Smyth, From Group to Individual Labels using Deep Features, KDD 2015; ' +
    'UCI Machine Learning Repository, doi 10.24432/C57604',
  files: found.files,
  locate: found.locate,
  advice: found.advice,
  async read(split) {
    const all = await Promise.all(
      Object.entries(sites).map(async ([name, file]) => ({ name, sentences: parseSentences(await text(file), file) })),
    );
    return sentenceSource(all, split);
  },
};
