import * as crypto from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fingerprintOf, identityFromSeed } from '../shared/crypto/identity.ts';
import { nativePrimitives } from '../shared/crypto/native.ts';
import { defaultLimits, type Limits } from '../shared/protocol/limits.ts';
import { formatLink } from '../shared/protocol/link.ts';
import { version } from '../shared/version.ts';
import { AuditLog, type AuditOptions } from './access/audit-log.ts';
import { Keyring } from './access/keyring.ts';
import { Coordinator } from './coordinator.ts';
import { EventLog } from './event-log.ts';
import type { AdmissionMode } from './gateway/admission.ts';
import { Gateway } from './gateway/gateway.ts';
import { silentLog, systemClock, type Clock, type Host, type Log } from './host.ts';
import { createHttpApp } from './http/app.ts';
import { closeListener, createListener, listen, type TlsTexts } from './http/listener.ts';
import { MaskPool } from './masking/mask-pool.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { operationsOf } from './operations-of.ts';
import type { Operations } from './operations.ts';
import { openStore } from './store/open.ts';

export interface ServerOptions {
  /** Folder for the store, the models, the server's key and the admin token. */
  readonly dataDir: string;
  /** Default: 127.0.0.1, this machine only. */
  readonly host?: string;
  /** Default: 8080; 0 takes a free one. */
  readonly port?: number;
  /** Host name in the join link, where it differs from `host`. */
  readonly publicHost?: string;
  /**
   * PEM texts; then everything is served over TLS 1.2 or newer. With `clientCa` only those get a connection who show a certificate
   * of that authority (mutual TLS), browsers too; it comes on top of tokens and keys, and replaces neither.
   */
  readonly tls?: TlsTexts;
  /** Default: `code`. */
  readonly admission?: AdmissionMode;
  /** Web origins that may connect, beside the server's own pages. */
  readonly allowedOrigins?: readonly string[];
  readonly limits?: Partial<Limits>;
  /** Central evaluation of each round's model. */
  readonly evaluate?: Host['evaluate'];
  /** Measures the updates of each round; not under secure aggregation. */
  readonly measureUpdates?: Host['measureUpdates'];
  /** Size and number of the files of the audit log. */
  readonly audit?: Pick<AuditOptions, 'fileBytes' | 'olderFiles'>;
  readonly log?: Log;
  readonly clock?: Clock;
  /** Folder of the page's built files; default: those that were built with the package. */
  readonly dashboard?: string;
  readonly onStep?: Host['onStep'];
}

/** A running aggregation server. */
export interface FederatedServer {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  readonly port: number;
  readonly joinLink: string;
  readonly fingerprint: string;
  readonly joinCode: string;
  readonly adminToken: string;
  readonly viewerToken: string;
  readonly operations: Operations;
  readonly events: EventLog;
  /** Bytes of messages from clients, and of messages and models to them, since the start. */
  traffic(): { readonly up: number; readonly down: number };
  /** Entries of each kind of thing that the server holds: in a server at rest they do not grow. */
  sizes(): Readonly<Record<string, number>>;
  /** Ends the sessions and closes the store. A round in progress goes on at the next start. */
  close(): Promise<void>;
}

/**
 * Starts an aggregation server, and goes on with what its data folder holds.
 * @throws FederatedError STORE_LOCKED, STORE_NEWER, STORE_CORRUPT, BAD_STATE (address not available)
 */
export async function createServer(options: ServerOptions): Promise<FederatedServer> {
  /** What a start that fails has begun, in order: a timer or a socket of it would keep the process alive. */
  const begun: (() => unknown)[] = [];
  try {
    return await start(options, (end) => begun.push(end));
  } catch (error) {
    // The first error is the one to tell: a full disk may keep the parts from ending well, too.
    for (const end of begun.toReversed())
      await Promise.resolve()
        .then(end)
        .catch(() => {});
    throw error;
  }
}

/** @param atFailure - takes what ends a part that has begun */
async function start(options: ServerOptions, atFailure: (end: () => unknown) => void): Promise<FederatedServer> {
  const { dataDir, admission = 'code', allowedOrigins = [], clock = systemClock, log = silentLog } = options;
  const limits: Limits = { ...defaultLimits, ...options.limits };
  const primitives = nativePrimitives(crypto);
  const { store, blobs, close: closeStore } = await openStore(dataDir, { lock: true });
  atFailure(closeStore);
  const masks = new MaskPool();
  atFailure(() => masks.close());
  const startedAt = clock.now();
  const events = new EventLog(startedAt);
  const metrics = createMetrics();
  const { evaluate, measureUpdates, onStep } = options;
  const world: Host = {
    clock,
    primitives,
    randomBytes: (length) => new Uint8Array(crypto.randomBytes(length)),
    masks,
    store,
    blobs,
    log,
    limits,
    events,
    metrics,
    ...(evaluate === undefined ? {} : { evaluate }),
    ...(measureUpdates === undefined ? {} : { measureUpdates }),
    ...(onStep === undefined ? {} : { onStep }),
  };

  const keyring = await Keyring.open(
    dataDir,
    () => clock.now(),
    (token) => gateway.clientOfToken(token) !== undefined,
  );
  const identity = identityFromSeed(primitives, keyring.secrets.seed);
  const fingerprint = fingerprintOf(primitives, identity.publicKey);
  const coordinator = new Coordinator(world);
  atFailure(() => coordinator.close());
  const gateway: Gateway = new Gateway({
    host: world,
    identity,
    primitives,
    admission: {
      mode: admission,
      get joinCode() {
        return keyring.secrets.joinCode;
      },
    },
    handler: coordinator,
    allowedOrigins,
  });
  atFailure(() => gateway.close());
  const audit = await openAudit(options, metrics, clock, log);
  atFailure(() => audit.close());
  audit.add({ at: clock.now(), who: 'server', address: '', action: `start ${version}`, status: 0 });

  let isReady = false;
  /** Where clients find the server, once it listens. */
  let joinLink = (): string => '';
  const operations = operationsOf(coordinator, world, () => ({
    name: 'fedloom',
    version,
    fingerprint,
    admission,
    joinLink: joinLink(),
    startedAt,
    connections: coordinator.connections,
    traffic: metrics.traffic(),
    audit: audit.state,
  }));
  const app = createHttpApp({
    operations,
    events,
    blobs,
    metrics,
    roleOf: (token) => keyring.bearerOf(token)?.role ?? null,
    limits,
    allowedOrigins,
    audit: {
      log: audit,
      whoIs: (token) => (token === null ? null : keyring.bearerOf(token))?.who ?? 'nobody',
      now: () => clock.now(),
    },
    rotate: (what) => keyring.rotate(what),
    ready: () => isReady,
    log,
    clock,
    ...(options.dashboard === undefined ? {} : { dashboard: options.dashboard }),
  });
  const listener = createListener(app, limits, options.tls);
  gateway.attach(listener);
  const { host = '127.0.0.1' } = options;
  const port = await listen(listener, host, options.port ?? 8080);
  atFailure(() => {
    listener.close();
    listener.closeAllConnections();
  });
  const shownHost = options.publicHost ?? (host === '0.0.0.0' || host === '::' ? 'localhost' : host);
  const secure = options.tls !== undefined;
  joinLink = () => {
    const code = admission === 'code' ? { joinCode: keyring.secrets.joinCode } : {};
    return formatLink({ host: shownHost, port, fingerprint, secure, ...code });
  };
  const bracketed = shownHost.includes(':') ? `[${shownHost}]` : shownHost;
  const url = `${secure ? 'https' : 'http'}://${bracketed}:${port}`;
  await writeFile(join(dataDir, 'server.json'), `${JSON.stringify({ url, pid: process.pid })}\n`, { mode: 0o600 });
  await coordinator.start();
  isReady = true;

  return {
    url,
    port,
    get joinLink() {
      return joinLink();
    },
    fingerprint,
    get joinCode() {
      return keyring.secrets.joinCode;
    },
    get adminToken() {
      return keyring.secrets.adminToken;
    },
    get viewerToken() {
      return keyring.secrets.viewerToken;
    },
    operations,
    events,
    traffic: () => metrics.traffic(),
    sizes: () => ({ ...gateway.sizes(), ...coordinator.sizes(), ...events.sizes() }),
    async close() {
      isReady = false;
      coordinator.close();
      gateway.close();
      await closeListener(listener);
      await masks.close();
      await audit.close();
      const { waiting, failure } = audit.state;
      if (waiting > 0) log.error({ failure }, `${waiting} entries of the audit log could not be written and are lost`);
      await closeStore();
    },
  };
}

/** The audit log, which says when it cannot be written. */
async function openAudit(
  { dataDir, audit: files }: ServerOptions,
  metrics: Metrics,
  clock: Clock,
  log: Log,
): Promise<AuditLog> {
  const audit: AuditLog = await AuditLog.open(dataDir, {
    ...files,
    after: (ms, run) => clock.after(ms, run),
    now: () => clock.now(),
    onState: (failure) => {
      metrics.auditFailing(failure !== null);
      const why = `the audit log cannot be written, and its entries wait: ${failure?.message}`;
      if (failure === null) log.warn({}, 'the audit log is written again');
      else log.error({ ...audit.state }, why);
    },
  });
  return audit;
}
