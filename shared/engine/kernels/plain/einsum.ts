/** A row-major tensor. */
export interface PlainTensor {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/**
 * Einstein's notation read word for word: the sum over every value of every letter. A product of matrices is `ij,jk->ik`.
 * The cost is the product of all sides, so for tests only.
 */
export function einsum(equation: string, tensors: readonly PlainTensor[]): PlainTensor {
  const [left, output] = equation.split('->') as [string, string];
  const operands = left.split(',');
  const sides = new Map<string, number>();
  for (const [i, labels] of operands.entries()) {
    for (const [axis, label] of labels.split('').entries()) sides.set(label, tensors[i]!.shape[axis]!);
  }
  const letters = [...sides.keys()];
  const shape = output.split('').map((label) => sides.get(label)!);
  const values = new Float64Array(shape.reduce((product, side) => product * side, 1));
  const at = new Map<string, number>();
  const indexOf = (labels: string): number =>
    labels.split('').reduce((index, label) => index * sides.get(label)! + at.get(label)!, 0);
  const visit = (depth: number): void => {
    if (depth === letters.length) {
      values[indexOf(output)]! += operands.reduce((term, labels, i) => term * tensors[i]!.values[indexOf(labels)]!, 1);
      return;
    }
    const letter = letters[depth]!;
    for (let i = 0; i < sides.get(letter)!; i++) {
      at.set(letter, i);
      visit(depth + 1);
    }
  };
  visit(0);
  return { shape, values };
}
