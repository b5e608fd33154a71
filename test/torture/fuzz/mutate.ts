import { concat, utf8 } from '../../../shared/bytes.ts';
import { decodeControl } from '../../../shared/protocol/codec.ts';
import { frameHeaderBytes } from '../../../shared/protocol/frames.ts';
import type { Random } from '../../../shared/random.ts';
import { mutations, mutators } from '../../helpers/fuzz.ts';
import { joinFrames, splitFrames } from './frames-input.ts';
import { writeLeniently } from './lenient-msgpack.ts';
import type { Shape } from './target.ts';
import { changed } from './tree.ts';

const text = new TextDecoder();

/** `value` decoded, changed one to three times, and written again; undefined where the bytes do not decode. */
function changedTree(
  random: Random,
  decode: () => unknown,
  encode: (value: unknown) => Uint8Array,
): Uint8Array | undefined {
  try {
    let value = decode();
    for (let times = 1 + random.below(3); times > 0; times--) value = changed(random, value);
    return encode(value);
  } catch {
    return undefined; // bytes that mean nothing, or nested deeper than can be walked
  }
}

const msgpack = (random: Random, bytes: Uint8Array): Uint8Array | undefined =>
  changedTree(
    random,
    () => decodeControl(bytes, 1e6),
    (value) => writeLeniently(random, value),
  );

const json = (random: Random, bytes: Uint8Array): Uint8Array | undefined =>
  changedTree(
    random,
    () => JSON.parse(text.decode(bytes)),
    (value) => utf8(JSON.stringify(value) ?? 'null'),
  );

/** Leaves out, repeats, swaps, or changes a frame; the message in a control frame as a message. */
function frames(random: Random, input: Uint8Array, corpus: readonly Uint8Array[]): Uint8Array {
  const list: Uint8Array[] = splitFrames(input);
  const other = splitFrames(corpus[random.below(corpus.length)]!);
  const at = random.below(list.length + 1);
  const frame = list[at];
  const kind = random.below(7);
  if (kind === 0 && other.length > 0) list.splice(at, 0, other[random.below(other.length)]!);
  else if (frame === undefined) list.push(new Uint8Array(random.below(40)));
  else if (kind === 1) list.splice(at, 1);
  else if (kind === 2) list.splice(at, 0, ...Array.from({ length: 1 + random.below(4) }, () => frame));
  else if (kind === 3) list[at] = mutations(random, [frame], 1).next().value!;
  else if (frame.length > frameHeaderBytes) {
    const body =
      msgpack(random, frame.subarray(frameHeaderBytes)) ??
      mutations(random, [frame.subarray(frameHeaderBytes)], 1).next().value!;
    list[at] = concat(frame.subarray(0, frameHeaderBytes), body);
  }
  return joinFrames(list);
}

/** A member of the corpus, changed: for one half by its structure, for the other byte by byte. */
export function mutate(random: Random, corpus: readonly Uint8Array[], shape: Shape): Uint8Array {
  const bytes = corpus[random.below(corpus.length)]!;
  const byStructure = random.below(2) === 0;
  if (byStructure && shape === 'msgpack') return msgpack(random, bytes) ?? bytes;
  if (byStructure && shape === 'json') return json(random, bytes) ?? bytes;
  if (shape === 'frames' && random.below(8) > 0) {
    let input = bytes;
    for (let times = 1 + random.below(3); times > 0; times--) input = frames(random, input, corpus);
    return input;
  }
  let copy = bytes;
  for (let times = 1 + random.below(3); times > 0; times--) {
    copy = mutators[random.below(mutators.length)]!(random, copy, corpus);
  }
  return copy;
}
