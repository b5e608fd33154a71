/**
 * Something that is not as it should be in a data folder.
 *
 * - `lost`: cannot be made again from what is there
 * - `unsure`: may be lost, and nothing there can tell
 * - `repairable`, `repaired`: can be, or has been, made again
 * - `note`: harmless
 */
export interface Finding {
  readonly kind: 'lost' | 'unsure' | 'repairable' | 'repaired' | 'note';
  /** `database`, `write-ahead log`, `run digits-1`, `blobs`, `keys`. */
  readonly where: string;
  /** One sentence. */
  readonly message: string;
}

/** Whether a folder with these findings is whole: nothing is lost, doubtful or left to repair. */
export const isWhole = (findings: readonly Finding[]): boolean =>
  findings.every(({ kind }) => kind === 'note' || kind === 'repaired');
