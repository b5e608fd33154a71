/**
 * Text as numbers for models of the next character: 90 codes, as many as TensorFlow Federated's Shakespeare task has. Code 0
 * is any other character, 1 the end of a line, and 2 to 89 are the printable characters of ASCII in their order, less seven
 * that English prose does without.
 */
const characters = '\n !"#$%&\'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz';

export const vocabularySize = characters.length + 1;

const codes = new Map(Array.from(characters, (character, i) => [character, i + 1]));

/** One code for each UTF-16 unit. */
export const encodeText = (text: string): Uint8Array =>
  Uint8Array.from({ length: text.length }, (_, i) => codes.get(text[i]!) ?? 0);

/** The text of codes; `?` for code 0 and what is no code. */
export const decodeText = (encoded: ArrayLike<number>): string =>
  Array.from(encoded, (code) => (code >= 1 ? (characters[code - 1] ?? '?') : '?')).join('');
