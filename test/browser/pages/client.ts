import { FederatedClient, type BrowserClientOptions } from '../../../client/browser.ts';
import type { RoundOutcome, StateDetail } from '../../../client/browser.ts';

/** A page with a client, for a test to drive. What is private is fetched from the page's own site. */

type StartOptions = Omit<BrowserClientOptions, 'data'> & {
  /** Path of the examples: their count and width, xs and ys, 4 bytes each, little-endian. */
  readonly data: string;
};

const seen = {
  states: [] as StateDetail[],
  outcomes: [] as RoundOutcome[],
  problems: [] as string[],
  /** Why joining ended: `left`, or the code of an error. */
  ended: null as string | null,
  /** ms between frames while training */
  gaps: [] as number[],
};
let client: FederatedClient | null = null;
const battery = Object.assign(new EventTarget(), { charging: true, level: 1 });

async function load(path: string): Promise<{ xs: Float32Array; ys: Int32Array }> {
  const bytes = await (await fetch(path)).arrayBuffer();
  const [count, width] = new Uint32Array(bytes, 0, 2) as unknown as [number, number];
  return { xs: new Float32Array(bytes, 8, count * width), ys: new Int32Array(bytes, 8 + 4 * count * width, count) };
}

function watchFrames(): void {
  let last = performance.now();
  const frame = (now: number): void => {
    if (client?.state.state === 'training') seen.gaps.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

const api = {
  seen,
  make({ data, ...options }: StartOptions): void {
    const made = new FederatedClient({ ...options, data: () => load(data) });
    made.addEventListener('state', (event) => seen.states.push((event as CustomEvent<StateDetail>).detail));
    made.addEventListener('problem', (event) =>
      seen.problems.push((event as CustomEvent<{ code: string }>).detail.code),
    );
    client = made;
  },
  /** Begins to take part. */
  join(options?: StartOptions): void {
    if (options !== undefined) this.make(options);
    const joined = client!;
    void (async () => {
      for await (const outcome of joined.join()) seen.outcomes.push(outcome);
      return 'left';
    })()
      .catch((error: unknown) => (error as { code: string }).code)
      .then((how) => (seen.ended = how));
    watchFrames();
  },
  client: (): FederatedClient => client!,
  /** Puts another battery into this device, or plugs it in or out. */
  battery(charging: boolean, level: number): void {
    Object.assign(battery, { charging, level });
    Object.assign(navigator, { getBattery: async () => battery });
    battery.dispatchEvent(new Event('chargingchange'));
  },
  /** Of the newest model that this device has, on examples, by an engine in the page. */
  async accuracy(data: string): Promise<number> {
    const [{ xs, ys }, { task, weights }] = await Promise.all([load(data), client!.model()]);
    const { createEngine } = await import('../../../shared/engine/create-engine.ts');
    const engine = await createEngine({ model: task.model, backend: 'wasm' });
    engine.setWeights(weights);
    return (await engine.evaluate({ xs, ys, count: ys.length }, 100)).accuracy!;
  },
  /** Names of what the client keeps on the device. */
  async stored(): Promise<string[]> {
    const request = indexedDB.open('fedloom');
    const db = await new Promise<IDBDatabase>((resolve) => (request.onsuccess = () => resolve(request.result)));
    const keys = db.transaction('files').objectStore('files').getAllKeys();
    await new Promise((done) => (keys.onsuccess = done));
    db.close();
    return keys.result as string[];
  },
  /** Whether a script can have the secret part of the device's key. */
  async canExportKey(): Promise<boolean> {
    const request = indexedDB.open('fedloom');
    const db = await new Promise<IDBDatabase>((resolve) => (request.onsuccess = () => resolve(request.result)));
    const found = db.transaction('files').objectStore('files').get('identity');
    await new Promise((done) => (found.onsuccess = done));
    db.close();
    const { secret } = found.result as { secret: CryptoKey };
    return crypto.subtle.exportKey('pkcs8', secret).then(
      () => true,
      () => secret.extractable,
    );
  },
};
export type ClientPage = typeof api;
Object.assign(globalThis, { fedloomPage: api });
