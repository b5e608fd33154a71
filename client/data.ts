import type { Examples } from '../shared/engine/engine.ts';
import { checkExamples } from '../shared/engine/examples.ts';
import { FederatedError } from '../shared/errors.ts';
import type { DataContract } from '../shared/tasks/task.ts';
import { sizeOf } from '../shared/weights.ts';

/** A tensor of TensorFlow.js or of anything that looks like one. It is read, not disposed. */
export interface TensorLike {
  readonly shape: readonly number[];
  data(): Promise<ArrayLike<number>>;
}
export type NestedNumbers = readonly (number | NestedNumbers)[];
type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;
/** Numbers of one kind: a typed array (row-major), arrays in arrays, or a tensor. */
export type NumbersLike = NumericArray | NestedNumbers | TensorLike;

/** Features and labels of many examples, the example being the first dimension. */
export interface DataBatch {
  readonly xs: NumbersLike;
  readonly ys: NumbersLike;
}
export interface SingleExample {
  readonly x: NumbersLike;
  readonly y: number | NumbersLike;
}
/** What an app may hand over: everything at once, or a stream of batches or single examples. */
export type ClientData = DataBatch | AsyncIterable<DataBatch | SingleExample>;

interface Flat {
  readonly values: ArrayLike<number>;
  /** null for a typed array, which has no shape of its own. */
  readonly shape: readonly number[] | null;
}

const refuse = (message: string): never => {
  throw new FederatedError('BAD_DATA', `data: ${message}`);
};
const show = (shape: readonly (number | string)[]): string => `[${shape.join(', ')}]`;

/**
 * The app's data as flat arrays, checked against the task.
 * @throws FederatedError BAD_DATA saying what was expected and what was found
 */
export async function toExamples(data: ClientData, contract: DataContract): Promise<Examples> {
  const examples = await flattenData(data, contract);
  checkExamples(examples, contract);
  return examples;
}

/** As `toExamples`, but only the form is checked, not yet the values. The features may be the app's own array. */
export async function flattenData(data: ClientData, contract: DataContract): Promise<Examples> {
  const parts: Examples[] = [];
  if (data !== null && typeof data === 'object' && Symbol.asyncIterator in data) {
    for await (const part of data) parts.push(await toPart(part, contract));
  } else {
    parts.push(await toPart(data, contract));
  }
  return parts.length === 1 ? parts[0]! : join(parts, contract);
}

async function toPart(part: DataBatch | SingleExample, contract: DataContract): Promise<Examples> {
  const isObject = part !== null && typeof part === 'object';
  if (isObject && 'xs' in part && 'ys' in part) {
    return shapeExamples(await flatten(part.xs, 'xs'), await flatten(part.ys, 'ys'), contract);
  }
  if (isObject && 'x' in part && 'y' in part) {
    const x = await flatten(part.x, 'x');
    const y: Flat = typeof part.y === 'number' ? { values: [part.y], shape: [] } : await flatten(part.y, 'y');
    const one = ({ values, shape }: Flat): Flat => ({ values, shape: shape === null ? null : [1, ...shape] });
    return shapeExamples(one(x), one(y), contract);
  }
  return refuse('expected { xs, ys }, or an async iterable of { xs, ys } or { x, y }');
}

async function flatten(numbers: NumbersLike, name: string): Promise<Flat> {
  if (ArrayBuffer.isView(numbers)) return { values: numbersIn(numbers, name), shape: null };
  if (Array.isArray(numbers)) return flattenNested(numbers as NestedNumbers, name);
  const tensor = numbers as Partial<TensorLike> | null | undefined;
  if (typeof tensor?.data === 'function' && Array.isArray(tensor.shape)) {
    return { values: numbersIn(await tensor.data(), name), shape: tensor.shape };
  }
  return refuse(`${name}: expected a typed array, arrays of numbers, or a tensor`);
}

/** What came as numbers in one array: big integers and bytes without a type are none. */
function numbersIn(values: ArrayLike<number>, name: string): ArrayLike<number> {
  if (typeof values?.length === 'number' && (values.length === 0 || typeof values[0] === 'number')) return values;
  return refuse(`${name}: expected an array of numbers, got ${Object.prototype.toString.call(values).slice(8, -1)}`);
}

/** No task has so many dimensions; and an array that contains itself has no end. */
const maxDepth = 8;

function flattenNested(numbers: NestedNumbers, name: string): Flat {
  const shape: number[] = [];
  for (let level: unknown = numbers; Array.isArray(level); level = level[0]) {
    if (shape.push(level.length) > maxDepth) refuse(`${name}: expected at most ${maxDepth} arrays in one another`);
  }
  const values = new Float64Array(sizeOf(shape));
  let next = 0;
  const visit = (level: unknown, depth: number): void => {
    if (depth === shape.length) {
      if (typeof level !== 'number') refuse(`${name}: expected numbers, got ${typeof level}`);
      values[next++] = level as number;
      return;
    }
    if (!Array.isArray(level) || level.length !== shape[depth]) {
      refuse(`${name}: expected arrays of equal length ${show(shape)}, one at depth ${depth} differs`);
    }
    for (const item of level as unknown[]) visit(item, depth + 1);
  };
  visit(numbers, 0);
  return { values, shape };
}

/** Fits features and labels to the contract: any shape of the same size will do, so [n, 28, 28] goes where [784] is asked. */
function shapeExamples(xs: Flat, ys: Flat, { features, labels }: DataContract): Examples {
  const width = sizeOf(features);
  const found = xs.shape === null ? `${xs.values.length} values` : show(xs.shape);
  const count = xs.shape === null ? xs.values.length / width : (xs.shape[0] ?? 0);
  if (!Number.isInteger(count) || xs.values.length !== count * width) {
    refuse(`expected ${show(['n', ...features])} features, got ${found}`);
  }
  const perExample = 'classes' in labels ? labels.positions : labels.targets;
  const kind = 'classes' in labels ? 'labels' : 'targets';
  const expected = `${show(kind === 'labels' && perExample === 1 ? [count] : [count, perExample])} ${kind}`;
  const foundLabels = ys.shape === null ? `${ys.values.length} values` : show(ys.shape);
  const fits = ys.values.length === count * perExample && (ys.shape === null || (ys.shape[0] ?? count) === count);
  if (!fits) refuse(`expected ${expected} for ${count} examples, got ${foundLabels}`);
  return {
    xs: xs.values instanceof Float32Array ? xs.values : Float32Array.from(xs.values),
    ys: 'classes' in labels ? toLabels(ys.values, perExample) : Float32Array.from(ys.values),
    count,
  };
}

function toLabels(values: ArrayLike<number>, positions: number): Int32Array {
  const labels = Int32Array.from(values);
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === values[i]) continue;
    refuse(`label of example ${Math.floor(i / positions)} is ${values[i]}; expected a whole number`);
  }
  return labels;
}

function join(parts: readonly Examples[], { labels }: DataContract): Examples {
  const total = (length: (part: Examples) => number): number => parts.reduce((sum, part) => sum + length(part), 0);
  const xs = new Float32Array(total((part) => part.xs.length));
  const size = total((part) => part.ys.length);
  const ys = 'classes' in labels ? new Int32Array(size) : new Float32Array(size);
  let x = 0;
  let y = 0;
  for (const part of parts) {
    xs.set(part.xs, x);
    ys.set(part.ys, y);
    x += part.xs.length;
    y += part.ys.length;
  }
  return { xs, ys, count: total((part) => part.count) };
}
