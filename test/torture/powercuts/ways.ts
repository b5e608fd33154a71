/** `store` is the real one; the others must lose data, or the method sees nothing. */
export const waysToWrite = ['store', 'synchronous off', 'blob without fsync', 'row before blob'] as const;
export type WayToWrite = (typeof waysToWrite)[number];

export interface WriterTask {
  readonly dataDir: string;
  readonly way: WayToWrite;
}
export type WriterMessage = { readonly type: 'loaded' } | { readonly type: 'durable'; readonly sequence: number };
