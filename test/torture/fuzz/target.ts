import type { ErrorCode } from '../../../shared/errors.ts';

/** How the bytes of an input are built, so that they can be changed where it means something. */
export type Shape = 'bytes' | 'msgpack' | 'json' | 'frames' | 'text';

/** Something that reads bytes of strangers. */
export interface Target {
  readonly name: string;
  readonly shape: Shape;
  /** Share of all inputs, relative to the other targets: costly readers get fewer. */
  readonly weight: number;
  /** Valid inputs. */
  readonly seeds: readonly Uint8Array[];
  /** What may come out beside acceptance. */
  readonly codes: readonly ErrorCode[];
  /** Bytes that an input of this length may declare and be given; it may allocate twice that (and `slack`). */
  allowed(length: number): number;
  /**
   * Reads one input. Throws FederatedError when it is refused, and anything else when an invariant of this reader is broken.
   * @returns a word for the kind of input that was accepted: inputs of a new kind are kept
   */
  read(input: Uint8Array): string | Promise<string>;
  /** Gives back what the target holds open. */
  close?(): Promise<void>;
}
