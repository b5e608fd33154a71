import { FederatedError } from '../../errors.ts';

/** Imports an optional package by its name. A test, or a bundler that knows better, can give its own. */
export type ImportModule = (name: string) => Promise<unknown>;

/**
 * The way in which optional packages come in unless told otherwise.
 * @throws FederatedError NO_BACKEND when the package is not installed; else whatever the package throws as it loads
 */
export const importModule: ImportModule = async (name) => {
  // The packages for browsers stand here by name, so that bundlers see them; inside `try`, so that one that is not
  // installed is a warning to them and no error. Those for Node must not be seen.
  try {
    switch (name) {
      case '@tensorflow/tfjs-backend-webgpu':
        return await import('@tensorflow/tfjs-backend-webgpu');
      case '@tensorflow/tfjs-backend-webgl':
        return await import('@tensorflow/tfjs-backend-webgl');
      default:
        return await import(/* webpackIgnore: true */ /* @vite-ignore */ name);
    }
  } catch (cause) {
    if (!isNotInstalled(cause, name)) throw cause;
    throw new FederatedError('NO_BACKEND', `the package ${name} is not installed; run npm install ${name}`, { cause });
  }
};

/** Whether an import failed since there is no such package, and not for a fault inside it. */
export function isNotInstalled(thrown: unknown, name: string): boolean {
  if (!(thrown instanceof Error)) return false;
  const { code } = thrown as { readonly code?: unknown };
  const isMissing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
  const isUnresolved = /module specifier/i.test(thrown.message); // what browsers say
  return (isMissing || isUnresolved) && (thrown.message.includes(`'${name}'`) || thrown.message.includes(`"${name}"`));
}
