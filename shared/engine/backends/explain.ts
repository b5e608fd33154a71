import { FederatedError } from '../../errors.ts';

/** What the packages say when something is missing around them, and what to do then. */
const advice: readonly (readonly [RegExp, string])[] = [
  [
    /native addon module/i,
    'its native part is missing: its install script did not run, or could not download it; install it again with ' +
      'scripts allowed, on a machine that can reach the network',
  ],
  [
    /isNullOrUndefined|util_1\.isArray/,
    'it does not run on Node 23 and newer; use Node 20 or 22, or the package webgpu',
  ],
  [
    /lib(cudart|cudnn|cublas|cufft|curand|cusolver|cusparse|nccl)/i,
    'a library of NVIDIA is missing; it needs CUDA 11.2 and cuDNN 8.1',
  ],
  [
    /GLIBC(XX)?_[\d.]+/,
    'the system libraries are too old for it; use a newer system, or an older version of the package',
  ],
];
const longest = 300;

/** Why a backend failed, in one line, from whatever was thrown. */
export function explain(thrown: unknown): string {
  if (thrown instanceof FederatedError) return thrown.message;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const line = (text.split('\n', 1)[0] ?? '').trim().slice(0, longest) || 'it failed without saying why';
  const known = advice.find(([pattern]) => pattern.test(text));
  return known === undefined ? line : `${line} - ${known[1]}`;
}
