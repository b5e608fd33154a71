import * as tf from '@tensorflow/tfjs-core';
import { FederatedError } from '../../errors.ts';

/**
 * `tf.tidy`, in which a backend that fails says so in our words: TensorFlow.js throws whatever its driver, its WebAssembly
 * or its own checks give.
 * @param backend - its name, for the message
 * @throws FederatedError TRAINING_FAILED
 */
export function compute<T extends tf.TensorContainer>(backend: string, work: () => T): T {
  try {
    return tf.tidy(work);
  } catch (cause) {
    if (cause instanceof FederatedError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const advice = 'if memory is short, use smaller batches';
    throw new FederatedError('TRAINING_FAILED', `backend ${backend}: ${reason}; ${advice}`, { cause });
  }
}
