import { FederatedError } from '../shared/errors.ts';
import type { ClientStore } from './platform.ts';

/** A large array with what is known about it, as one entry of a client's store, so that both are replaced in one step. */
export interface StoredRecord {
  /** JSON */
  readonly about: unknown;
  readonly bytes: Uint8Array;
}

/** Length of the JSON as 4 bytes, little-endian; the JSON; the bytes. */
export async function saveRecord(store: ClientStore, name: string, { about, bytes }: StoredRecord): Promise<void> {
  const text = new TextEncoder().encode(JSON.stringify(about));
  const whole = new Uint8Array(4 + text.length + bytes.length);
  new DataView(whole.buffer).setUint32(0, text.length, true);
  whole.set(text, 4);
  whole.set(bytes, 4 + text.length);
  await store.save(name, whole);
}

/** @returns null where there is none; the bytes in memory of their own. @throws FederatedError BAD_FILE */
export async function loadRecord(store: ClientStore, name: string): Promise<StoredRecord | null> {
  const whole = await store.load(name);
  if (whole === null) return null;
  try {
    const length = new DataView(whole.buffer, whole.byteOffset).getUint32(0, true);
    if (length > whole.length - 4) throw new RangeError('it is cut off');
    const about: unknown = JSON.parse(new TextDecoder().decode(whole.subarray(4, 4 + length)));
    return { about, bytes: new Uint8Array(whole.subarray(4 + length)) };
  } catch (cause) {
    throw new FederatedError('BAD_FILE', `the file ${name} on this device is damaged`, { cause });
  }
}
