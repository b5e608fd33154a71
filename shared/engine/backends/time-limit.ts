import { FederatedError } from '../../errors.ts';

/**
 * What a promise gives, unless it takes too long; the work behind it cannot be stopped, but nobody waits for it.
 * @param what - does the work, for the message
 * @throws FederatedError NO_BACKEND after `limitMs`
 */
export async function withinTime<T>(work: Promise<T>, limitMs: number, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, fail) => {
    const late = (): void => fail(new FederatedError('NO_BACKEND', `${what} took longer than ${limitMs / 1_000} s`));
    timer = setTimeout(late, limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
