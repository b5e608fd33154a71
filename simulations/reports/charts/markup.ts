declare const brand: unique symbol;

/** SVG or HTML that is escaped where it must be. Only `element` and `text` make it, so that no foreign text gets in raw. */
export type Markup = string & { readonly [brand]: 'Markup' };

export type Attributes = Readonly<Record<string, string | number | undefined>>;

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
// What XML 1.0, section 2.2, has no way to write: control characters, lone surrogates, U+FFFE and U+FFFF.
// oxlint-disable-next-line no-control-regex
const unwritable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

/** Any text, as it is read and never as markup; characters that XML cannot hold become U+FFFD. */
export const text = (plain: string): Markup =>
  plain.replace(unwritable, '\ufffd').replace(/[&<>"']/g, (character) => entities[character]!) as Markup;

/** Pieces one after the other. */
export const join = (pieces: readonly Markup[], between = ''): Markup => pieces.join(between) as Markup;

/** Coordinates with at most two decimals: enough for any screen, and short. */
export const number = (value: number): string => {
  if (!Number.isFinite(value)) throw new RangeError(`a drawing has no place for ${value}`);
  return String(Number(value.toFixed(2)) + 0); // + 0 makes -0 a plain 0
};

/** `<name a="b">children</name>`; attributes that are undefined are left out, numbers are rounded as coordinates. */
export function element(name: string, attributes: Attributes = {}, children?: readonly Markup[]): Markup {
  let open = `<${name}`;
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) open += ` ${key}="${typeof value === 'number' ? number(value) : text(value)}"`;
  }
  return (children === undefined ? `${open}/>` : `${open}>${children.join('')}</${name}>`) as Markup;
}
