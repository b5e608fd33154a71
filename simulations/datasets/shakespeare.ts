import { encodeText, vocabularySize } from './characters.ts';
import { badFile } from './file.ts';
import { groupBy } from './groups.ts';
import type { Source } from './loaded.ts';
import { linesOf, setFiles, type DataSet, type Split } from './set-files.ts';

/**
 * Plays as a task of the next character, each speaker a client (McMahan et al. 2017, section 3). A client's speeches, parted
 * by line ends, are cut into windows of 80 characters that do not overlap; a last shorter one is left out. An example is a
 * window, and its 80 labels are at each place the character that follows, so that no character is asked for twice. The last
 * fifth of a client's windows (rounded up) is for tests, all earlier ones for training; one window alone is for training.
 * Who speaks fewer than 81 characters has no example.
 */
export const sequenceLength = 80;

/** All that one client says. */
export interface Voice {
  readonly name: string;
  readonly speeches: readonly string[];
}

/** Windows of one split; the codes are encodeText's. */
export function windowsOf(name: string, voices: readonly Voice[], split: Split): Source {
  const starts: number[] = [];
  const owners: string[] = [];
  const texts: Uint8Array[] = [];
  let offset = 0;
  for (const voice of voices) {
    const text = encodeText(voice.speeches.join('\n'));
    const windows = Math.floor((text.length - 1) / sequenceLength); // each needs one character more, the last label
    const tests = windows < 2 ? 0 : Math.ceil(windows / 5);
    const [from, to] = split === 'train' ? [0, windows - tests] : [windows - tests, windows];
    for (let window = from; window < to; window++) {
      starts.push(offset + window * sequenceLength);
      owners.push(voice.name);
    }
    texts.push(text);
    offset += text.length;
  }
  const all = new Uint8Array(offset);
  let end = 0;
  for (const text of texts) {
    all.set(text, end);
    end += text.length;
  }
  return {
    name,
    count: starts.length,
    clients: groupBy(owners),
    take(indices) {
      const xs = new Float32Array(indices.length * sequenceLength);
      const ys = new Int32Array(indices.length * sequenceLength);
      for (const [i, index] of indices.entries()) {
        const start = starts[index]!;
        xs.set(all.subarray(start, start + sequenceLength), i * sequenceLength);
        ys.set(all.subarray(start + 1, start + sequenceLength + 1), i * sequenceLength);
      }
      return {
        name,
        xs,
        ys,
        count: indices.length,
        features: [sequenceLength],
        classes: vocabularySize,
        vocabulary: vocabularySize,
      };
    },
  };
}

/**
 * The speakers of a play text in order of their first speech. A speech is a block `SPEAKER:`, then its lines; blocks are
 * parted by empty lines. A block without lines says nothing and is left out.
 * @throws FederatedError BAD_FILE
 */
export function parseSpeeches(text: string, name: string): Voice[] {
  const voices = new Map<string, string[]>();
  for (const block of text.split(/\n{2,}/)) {
    const [first = '', ...lines] = block.trim().split('\n');
    if (first === '') continue;
    if (!first.endsWith(':')) throw badFile(name, `expected "SPEAKER:", got ${JSON.stringify(first.slice(0, 40))}`);
    if (lines.length === 0) continue;
    const speaker = first.slice(0, -1);
    const speech = lines.join('\n');
    const known = voices.get(speaker);
    if (known === undefined) voices.set(speaker, [speech]);
    else known.push(speech);
  }
  return [...voices].map(([speaker, speeches]) => ({ name: speaker, speeches }));
}

/**
 * The roles of many plays, named `PLAY: ROLE`; each line of the text is `{ "play", "role", "speeches" }`.
 * @throws FederatedError BAD_FILE
 */
export function parseRoles(text: string, name: string): Voice[] {
  return linesOf(text).map((line, i) => {
    const { play, role, speeches } = parseLine(line, name, i + 1);
    return { name: `${play}: ${role}`, speeches };
  });
}

function parseLine(
  line: string,
  name: string,
  number: number,
): { readonly play: string; readonly role: string; readonly speeches: readonly string[] } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw badFile(name, `line ${number} is not JSON`, cause);
  }
  const { play, role, speeches } = (value ?? {}) as Record<string, unknown>;
  const isVoice =
    typeof play === 'string' &&
    typeof role === 'string' &&
    Array.isArray(speeches) &&
    speeches.every((speech) => typeof speech === 'string');
  if (!isVoice) throw badFile(name, `line ${number}: expected { "play", "role", "speeches" }`);
  return { play, role, speeches };
}

const playSet = (
  about: Pick<DataSet, 'name' | 'title' | 'examples' | 'clients' | 'source'>,
  file: string,
  hash: string,
  parse: (text: string, name: string) => Voice[],
): DataSet => {
  const { files, locate, advice, text } = setFiles(about.name, 'shakespeare', { [file]: hash });
  return {
    ...about,
    groups: [],
    licence: 'public domain',
    files,
    locate,
    advice,
    read: async (split) => windowsOf(about.name, parse(await text(file), file), split),
  };
};

/** The well-known excerpt of 40,000 lines. */
export const shakespeare = playSet(
  {
    name: 'shakespeare',
    title: 'Next character of Shakespeare, an excerpt of 1.1 million characters by speaker',
    examples: { train: 10_072, test: 2_621 },
    clients: { what: 'speakers', train: 256, test: 232 },
    source: 'William Shakespeare; excerpt by A. Karpathy, The Unreasonable Effectiveness of Recurrent Neural Networks',
  },
  'tinyshakespeare.txt.gz',
  '13125fe8f49092165d7d489e3944db52d1ba546e64a60080cc9523bcd0c5e46a',
  parseSpeeches,
);

/** 37 plays by speaking role, as in LEAF (Caldas et al., arXiv:1812.01097). */
export const shakespeareRoles = playSet(
  {
    name: 'shakespeare-roles',
    title: 'Next character of Shakespeare, 37 plays of 4.3 million characters by speaking role',
    examples: { train: 42_138, test: 11_020 },
    clients: { what: 'roles', train: 1_168, test: 1_065 },
    source: 'William Shakespeare; play texts of Moby Lexical Tools, 1992, by role after LEAF, arXiv:1812.01097',
  },
  'roles.jsonl.gz',
  'fcaaaa8cc422d1f36d2618517af6f05191aad6093df4b66e2e0a70f207974a08',
  parseRoles,
);
