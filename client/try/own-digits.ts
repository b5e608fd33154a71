import { side } from './digit.ts';

const pixels = side * side;

/** What was drawn here, with what it is said to be: in this tab's memory and nowhere else. */
export class OwnDigits {
  readonly #list: HTMLElement;
  readonly #digits: { readonly values: Float32Array; readonly label: number; readonly item: HTMLElement }[] = [];

  /** @param list - where they are shown */
  constructor(list: HTMLElement) {
    this.#list = list;
  }

  get count(): number {
    return this.#digits.length;
  }

  /** @param values - 784, from 0 to 1 */
  add(values: Float32Array, label: number): void {
    const item = document.createElement('li');
    const picture = document.createElement('canvas');
    picture.width = side;
    picture.height = side;
    picture.setAttribute('role', 'img');
    picture.setAttribute('aria-label', `a drawn ${label}`);
    paint(picture, values);
    item.append(picture, String(label));
    this.#list.append(item);
    this.#digits.push({ values, label, item });
  }

  removeLast(): void {
    this.#digits.pop()?.item.remove();
  }

  /** As examples: xs [count, 784], ys [count]. */
  examples(): { readonly xs: Float32Array; readonly ys: Int32Array; readonly count: number } {
    const { count } = this;
    const xs = new Float32Array(count * pixels);
    for (const [i, { values }] of this.#digits.entries()) xs.set(values, i * pixels);
    return { xs, ys: Int32Array.from(this.#digits, ({ label }) => label), count };
  }

  /**
   * Marks those that the model has right.
   * @param guesses - one for each of the first digits
   * @returns how many are right
   */
  mark(guesses: readonly number[]): number {
    let right = 0;
    for (const [i, { label, item }] of this.#digits.entries()) {
      const isRight = guesses[i] === label;
      item.classList.toggle('right', isRight);
      if (isRight) right++;
    }
    return right;
  }
}

function paint(canvas: HTMLCanvasElement, values: Float32Array): void {
  const context = canvas.getContext('2d')!;
  const image = context.createImageData(side, side);
  for (const [i, value] of values.entries()) {
    image.data.set([255 * (1 - value), 255 * (1 - value), 255 * (1 - value), 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
}

/** The class with the highest chance, for each of `count` digits. @param chances - [count, classes] */
export function guessesOf(chances: Float32Array, count: number): number[] {
  const classes = chances.length / count;
  return Array.from({ length: count }, (_, i) => {
    const own = chances.subarray(i * classes, (i + 1) * classes);
    return own.indexOf(Math.max(...own));
  });
}
