import * as v from 'valibot';
import { fromBase64Url, fromHex } from '../shared/bytes.ts';
import { FederatedError } from '../shared/errors.ts';
import { issueText } from '../shared/issue-text.ts';
import { runFlagNames, type RunFlags } from './run-options.ts';

/** What `fedloom serve` is told, as flags and as keys of its config file. Flags win over the file, the file over the defaults. */

export const logLevels = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export const admissionModes = ['code', 'registered', 'open'] as const;

const text = v.pipe(v.string(), v.nonEmpty());
/** One, or a list. */
const texts = v.union([v.array(text), v.pipe(text, v.transform((one) => [one]))]); // prettier-ignore

const settingsSchema = v.strictObject({
  host: v.optional(text, '127.0.0.1'),
  port: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535)), 8080),
  publicHost: v.optional(text),
  dataDir: v.optional(text, './fedloom-data'),
  admission: v.optional(v.picklist(admissionModes), 'code'),
  register: v.optional(texts, []),
  allowedOrigin: v.optional(texts, []),
  tlsKey: v.optional(text),
  tlsCert: v.optional(text),
  tlsClientCa: v.optional(text),
  evaluate: v.optional(text),
  auditFileMb: v.optional(v.pipe(v.number(), v.minValue(0.01)), 16),
  auditFiles: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 8),
  logLevel: v.optional(v.picklist(logLevels), 'warn'),
});

export type ServeSettings = v.InferOutput<typeof settingsSchema>;
export type ServeFlags = Partial<v.InferInput<typeof settingsSchema>> & RunFlags;

/** The keys that a config file may have. */
export const serveFileKeys: readonly string[] = [...runFlagNames, ...Object.keys(settingsSchema.entries)];

/**
 * Flags over file over defaults. The run's settings are only merged here: the run's own check follows.
 * @param file - keys of the config file, values unchecked
 * @param flags - only the flags that were given
 * @throws FederatedError BAD_CONFIG naming the setting
 */
export function mergeServeSettings(
  file: Readonly<Record<string, unknown>>,
  flags: Readonly<Record<string, unknown>>,
): { readonly server: ServeSettings; readonly run: RunFlags } {
  const server: Record<string, unknown> = {};
  const run: Record<string, unknown> = {};
  for (const [key, value] of [...Object.entries(file), ...Object.entries(flags)]) {
    if (Object.hasOwn(settingsSchema.entries, key)) server[key] = value;
    else if (runFlagNames.includes(key)) run[key] = value;
  }
  const result = v.safeParse(settingsSchema, server, { abortEarly: true });
  if (!result.success) {
    const issue = result.issues[0];
    throw new FederatedError('BAD_CONFIG', `${v.getDotPath(issue) ?? 'settings'}: ${issueText(issue)}`);
  }
  const { tlsKey, tlsCert } = result.output;
  if ((tlsKey === undefined) !== (tlsCert === undefined)) {
    const missing = tlsKey === undefined ? 'tlsKey' : 'tlsCert';
    throw new FederatedError('BAD_CONFIG', `${missing}: TLS needs a key and a certificate; give both or neither`);
  }
  if (result.output.tlsClientCa !== undefined && tlsKey === undefined) {
    throw new FederatedError(
      'BAD_CONFIG',
      'tlsClientCa: clients show certificates over TLS only; give tlsKey and tlsCert',
    );
  }
  return { server: result.output, run };
}

/** A client's Ed25519 public key: 32 bytes as hex or base64url. @throws FederatedError BAD_ARGUMENT */
export function publicKeyFrom(given: string): Uint8Array {
  try {
    const bytes = /^[0-9a-fA-F]{64}$/.test(given) ? fromHex(given) : fromBase64Url(given);
    if (bytes.length === 32) return bytes;
  } catch {
    // Not base64url either; said below.
  }
  const message = `register: expected a 32-byte public key in hex or base64url, got "${given.slice(0, 80)}"`;
  throw new FederatedError('BAD_ARGUMENT', message);
}
