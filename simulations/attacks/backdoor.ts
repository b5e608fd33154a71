import { FederatedError } from '../../shared/errors.ts';
import type { Attack } from './attack.ts';

export interface Trigger {
  /** The label that an image with the trigger is to get. */
  readonly target: number;
  /** Shape of one example: [height, width, channels], or [height · width] of a square image. */
  readonly shape: readonly number[];
  /** Side of the square in the bottom right corner that is set to `value`; default 3 pixels. */
  readonly size?: number;
  /** Default 1, white. */
  readonly value?: number;
}

/**
 * Backdoor: trains on a part of its images with a square of pixels in the corner and the target label, and reports `scale` times
 * its update, so that the mean over n clients with weight alike is the attacker's own model at scale = n (model replacement).
 * @param share - of the attacker's examples that carry the trigger; default one half
 * @see Gu, Dolan-Gavitt, Garg, "BadNets", 2017, section 4 (pixel trigger), https://arxiv.org/abs/1708.06733; Bagdasaryan, Veit, Hua,
 *   Estrin, Shmatikov, "How To Backdoor Federated Learning", AISTATS 2020, equation 3 (scaling), https://arxiv.org/abs/1807.00459
 */
export const backdoor = ({
  share = 0.5,
  scale = 1,
  ...trigger
}: Trigger & { readonly share?: number; readonly scale?: number }): Attack => {
  if (!(share >= 0 && share <= 1)) {
    throw new FederatedError('BAD_ARGUMENT', `attack: backdoor: share: expected a number from 0 to 1, got ${share}`);
  }
  stamp(new Float32Array(trigger.shape.reduce((size, side) => size * side, 1)), trigger); // or it is refused, before any training
  return {
    name: 'backdoor',
    poison({ xs, ys, count }, random) {
      const images = xs.slice();
      const labels = ys.slice();
      const features = xs.length / count;
      for (const index of random.permutation(count).subarray(0, Math.round(share * count))) {
        stamp(images.subarray(index * features, (index + 1) * features), trigger);
        labels[index] = trigger.target;
      }
      return { xs: images, ys: labels };
    },
    aim({ xs, ys, count }) {
      const features = xs.length / count;
      const others = [...ys.keys()].filter((index) => ys[index] !== trigger.target);
      const images = new Float32Array(others.length * features);
      for (const [i, index] of others.entries()) {
        images.set(xs.subarray(index * features, (index + 1) * features), i * features);
        stamp(images.subarray(i * features, (i + 1) * features), trigger);
      }
      return { xs: images, ys: new Int32Array(others.length).fill(trigger.target) };
    },
    tamper: (update) => update.map((value) => scale * value),
  };
};

/** Sets the trigger into one image, which is changed. @throws FederatedError BAD_ARGUMENT where it does not fit */
export function stamp(image: Float32Array, { shape, size = 3, value = 1 }: Omit<Trigger, 'target'>): void {
  const [height, width, channels] = sidesOf(shape);
  const most = Math.min(height, width);
  if (!Number.isInteger(size) || size < 1 || size > most) {
    const expected = `expected a whole number of pixels from 1 to ${most}, the side of the images`;
    throw new FederatedError('BAD_ARGUMENT', `attack: backdoor: size: ${expected}, got ${size}`);
  }
  for (let row = height - size; row < height; row++) {
    const end = (row * width + width) * channels;
    image.fill(value, end - size * channels, end);
  }
}

function sidesOf(shape: readonly number[]): [height: number, width: number, channels: number] {
  const [first, second, channels = 1] = shape;
  if (first !== undefined && second !== undefined) return [first, second, channels];
  const side = Math.sqrt(first ?? 0);
  if (Number.isInteger(side) && side > 0) return [side, side, 1];
  throw new FederatedError('BAD_ARGUMENT', `attack: backdoor: the task's features [${shape.join(', ')}] are no image`);
}
