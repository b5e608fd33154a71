/**
 * About how wide a text is drawn. No font is measured: these are the widths of DejaVu Sans, which is wider than the usual
 * system fonts, so that what is laid out by them has room with any.
 * @returns px
 */
export function textWidth(text: string, size: number): number {
  let ems = 0;
  for (const character of text) {
    if ("iIjl.,:;'|!()[] \u2009".includes(character)) ems += 0.38;
    else if ('mwMW%@'.includes(character)) ems += 0.95;
    else if (/[A-Z\u2212+=<>±]/.test(character)) ems += 0.76;
    else if (character.codePointAt(0)! >= 0x1100) ems += 1.05;
    else ems += 0.62;
  }
  return ems * size;
}

/** The text, cut with an ellipsis where it is wider than `width`. */
export function fitted(text: string, size: number, width: number): string {
  if (textWidth(text, size) <= width) return text;
  const characters = Array.from(text);
  while (characters.length > 1 && textWidth(`${characters.join('')}…`, size) > width) characters.pop();
  return `${characters.join('')}…`;
}
