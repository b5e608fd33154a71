import { sigmoid } from './activations.ts';
import { addBias, product } from './dense.ts';
import { zeros, type Tensor } from './tensor.ts';

/** Kernel [inputs, gates · units], recurrent kernel [units, gates · units], bias [gates · units]. */
type RecurrentWeights = readonly [Float64Array, Float64Array, Float64Array];

/** One place of every example: [batch, length, channels] to [batch, channels]. */
function placeOf(x: Tensor, place: number): Tensor {
  const [batch, length, channels] = x.shape as [number, number, number];
  const y = zeros([batch, channels]);
  for (let n = 0; n < batch; n++) {
    const from = (n * length + place) * channels;
    y.data.set(x.data.subarray(from, from + channels), n * channels);
  }
  return y;
}

/**
 * Runs `next` over the places from the first to the last, from a state of zeros.
 * @returns all hidden states [batch, length, units], or the last one [batch, units]
 */
function overPlaces(x: Tensor, units: number, all: boolean, next: (input: Tensor, hidden: Tensor) => Tensor): Tensor {
  const [batch, length] = x.shape as [number, number, number];
  const states = zeros([batch, length, units]);
  let hidden = zeros([batch, units]);
  for (let place = 0; place < length; place++) {
    hidden = next(placeOf(x, place), hidden);
    for (let n = 0; n < batch; n++) {
      states.data.set(hidden.data.subarray(n * units, (n + 1) * units), (n * length + place) * units);
    }
  }
  return all ? states : hidden;
}

/** Gates i, f, c, o: c = f c + i tanh(.), h = o tanh(c). @param x - [batch, length, channels] */
export function lstm(x: Tensor, [kernel, recurrent, bias]: RecurrentWeights, units: number, all: boolean): Tensor {
  const cell = new Float64Array(x.shape[0]! * units);
  return overPlaces(x, units, all, (input, hidden) => {
    const fromInput = addBias(product(input, kernel, 4 * units), bias).data;
    const fromHidden = product(hidden, recurrent, 4 * units).data;
    const data = hidden.data.map((_, at) => {
      const [n, u] = [Math.floor(at / units), at % units];
      const [i, f, c, o] = [0, 1, 2, 3].map((gate) => {
        const index = (n * 4 + gate) * units + u;
        return fromInput[index]! + fromHidden[index]!;
      }) as [number, number, number, number];
      cell[at] = sigmoid(f) * cell[at]! + sigmoid(i) * Math.tanh(c);
      return sigmoid(o) * Math.tanh(cell[at]!);
    });
    return { shape: hidden.shape, data };
  });
}

/** Gates z, r, h: h = z h + (1 - z) tanh(x Wh + (r h) Uh + bh). @param x - [batch, length, channels] */
export function gru(x: Tensor, [kernel, recurrent, bias]: RecurrentWeights, units: number, all: boolean): Tensor {
  return overPlaces(x, units, all, (input, hidden) => {
    const fromInput = addBias(product(input, kernel, 3 * units), bias).data;
    const fromHidden = product(hidden, recurrent, 3 * units).data;
    const gate = (number: number) =>
      hidden.data.map((_, at) => {
        const index = (Math.floor(at / units) * 3 + number) * units + (at % units);
        return sigmoid(fromInput[index]! + fromHidden[index]!);
      });
    const [update, reset] = [gate(0), gate(1)];
    const kept = { shape: hidden.shape, data: hidden.data.map((value, at) => reset[at]! * value) };
    const fromKept = product(kept, recurrent, 3 * units).data;
    const data = hidden.data.map((before, at) => {
      const index = (Math.floor(at / units) * 3 + 2) * units + (at % units);
      return update[at]! * before + (1 - update[at]!) * Math.tanh(fromInput[index]! + fromKept[index]!);
    });
    return { shape: hidden.shape, data };
  });
}
