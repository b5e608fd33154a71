import * as crypto from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import * as tls from 'node:tls';
import { join } from 'node:path';
import { clientIdOf, fingerprintOf, identityFromSeed } from '../shared/crypto/identity.ts';
import { nativePrimitives } from '../shared/crypto/native.ts';
import { FederatedError } from '../shared/errors.ts';
import type { ClientId } from '../shared/ids.ts';
import { defaultLimits, type Limits } from '../shared/protocol/limits.ts';
import { formatLink } from '../shared/protocol/link.ts';
import { version } from '../shared/version.ts';
import { AuditLog, type AuditOptions } from './access/audit-log.ts';
import { loadSecrets, rotateSecret, type Rotatable } from './access/secrets.ts';
import { checkToken } from './access/signed-token.ts';
import { Coordinator } from './coordinator.ts';
import { EventLog } from './event-log.ts';
import { modelFiles } from './export/model-files.ts';
import type { AdmissionMode } from './gateway/admission.ts';
import { Gateway } from './gateway/gateway.ts';
import { silentLog, systemClock, type Clock, type Host, type Log } from './host.ts';
import { createHttpApp } from './http/app.ts';
import { capSockets } from './http/cap-sockets.ts';
import { MaskPool } from './masking/mask-pool.ts';
import { createMetrics } from './metrics.ts';
import type { Operations, Role } from './operations.ts';
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
  readonly tls?: { readonly key: string; readonly cert: string; readonly clientCa?: string };
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
  const {
    dataDir,
    host = '127.0.0.1',
    port = 8080,
    admission = 'code',
    clock = systemClock,
    log = silentLog,
  } = options;
  const limits: Limits = { ...defaultLimits, ...options.limits };
  const { store, blobs, close: closeStore } = await openStore(dataDir, { lock: true });
  const masks = new MaskPool();
  /** What a start that fails has begun, in order: a timer or a socket of it would keep the process alive. */
  const begun: (() => unknown)[] = [closeStore, () => masks.close()];
  try {
    const primitives = nativePrimitives(crypto);
    const randomBytes = (length: number): Uint8Array => new Uint8Array(crypto.randomBytes(length));
    let secrets = await loadSecrets(dataDir);
    const identity = identityFromSeed(primitives, secrets.seed);
    const fingerprint = fingerprintOf(primitives, identity.publicKey);

    const startedAt = clock.now();
    const events = new EventLog(startedAt);
    const metrics = createMetrics();
    const { evaluate, measureUpdates, onStep } = options;
    const world: Host = {
      clock,
      primitives,
      randomBytes,
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
    const coordinator = new Coordinator(world);
    begun.push(() => coordinator.close());
    const gateway = new Gateway({
      host: world,
      identity,
      primitives,
      admission: {
        mode: admission,
        get joinCode() {
          return secrets.joinCode;
        },
      },
      handler: coordinator,
      allowedOrigins: options.allowedOrigins ?? [],
    });
    begun.push(() => gateway.close());

    const audit = await AuditLog.open(dataDir, {
      ...options.audit,
      after: (ms, run) => clock.after(ms, run),
      now: () => clock.now(),
      onState: (failure) => {
        metrics.auditFailing(failure !== null);
        const why = `the audit log cannot be written, and its entries wait: ${failure?.message}`;
        if (failure === null) log.warn({}, 'the audit log is written again');
        else log.error({ ...audit.state }, why);
      },
    });
    begun.push(() => audit.close());
    let ready = false;
    let linkNow = (): string => '';
    const operations: Operations = {
      info: () => ({
        name: 'fedloom',
        version,
        fingerprint,
        admission,
        joinLink: linkNow(),
        startedAt,
        connections: coordinator.connections,
        traffic: metrics.traffic(),
        audit: audit.state,
      }),
      runs: () => coordinator.runs(),
      run: (id) => coordinator.run(id),
      config: (id) => coordinator.config(id),
      rounds: (id, after) => coordinator.rounds(id, after),
      history: (id, after) => coordinator.history(id, after),
      round: (id, round) => coordinator.round(id, round),
      clientRounds: (id, client) => coordinator.clientRounds(id, client),
      exportModel: (wanted) => modelFiles(store, blobs, wanted),
      create: (config, id) => coordinator.create(config, id),
      pause: (id) => coordinator.pause(id),
      resume: (id) => coordinator.resume(id),
      stop: (id, { now = false } = {}) => coordinator.stop(id, now),
      remove: (id) => coordinator.remove(id),
      clients: () => coordinator.clients(),
      async register(publicKey, label): Promise<ClientId> {
        if (publicKey.length !== 32)
          throw new FederatedError('BAD_ARGUMENT', `a public key has 32 bytes, got ${publicKey.length}`);
        const id = clientIdOf(primitives, publicKey);
        await store.saveClient({ id, publicKey, label, state: 'active', admittedAt: clock.now() });
        return id;
      },
      async exclude(id, excluded): Promise<void> {
        const client = await store.client(id);
        if (client === null) throw new FederatedError('NOT_FOUND', `no client ${id} on the roster`);
        await store.saveClient({ ...client, state: excluded ? 'excluded' : 'active' });
        if (excluded) coordinator.sessionOf(id)?.end('EXCLUDED', 'this client has been excluded by the operator');
      },
    };

    const same = (a: string, b: string): boolean =>
      a.length === b.length && crypto.timingSafeEqual(Buffer.from(a), Buffer.from(b));
    const whoIs = (token: string): { role: Role; who: string } | null => {
      if (same(token, secrets.adminToken)) return { role: 'admin', who: 'admin' };
      if (same(token, secrets.viewerToken)) return { role: 'viewer', who: 'viewer' };
      if (gateway.clientOfToken(token) !== undefined) return { role: 'client', who: 'client' };
      const claims = checkToken(secrets.tokenKey, token, clock.now());
      return claims === null ? null : { role: claims.role, who: `signed:${claims.name}` };
    };
    const roleOf = (token: string): Role | null => whoIs(token)?.role ?? null;
    audit.add({ at: clock.now(), who: 'server', address: '', action: `start ${version}`, status: 0 });
    const rotate = async (what: Rotatable): Promise<void> => {
      await rotateSecret(dataDir, what);
      secrets = await loadSecrets(dataDir);
    };
    const { allowedOrigins = [] } = options;
    const listener = createHttpApp({
      operations,
      events,
      blobs,
      metrics,
      roleOf,
      limits,
      allowedOrigins,
      audit: {
        log: audit,
        whoIs: (token) => (token === null ? null : whoIs(token))?.who ?? 'nobody',
        now: () => clock.now(),
      },
      rotate,
      ready: () => ready,
      log,
      clock,
      ...(options.dashboard === undefined ? {} : { dashboard: options.dashboard }),
    });
    const serverOptions: http.ServerOptions = {
      headersTimeout: limits.headersTimeout,
      requestTimeout: limits.requestTimeout,
      // How often the two above are looked at: half a minute without it.
      connectionsCheckingInterval: Math.ceil(Math.min(limits.headersTimeout, limits.requestTimeout) / 5),
      maxHeaderSize: limits.maxHeaderBytes,
      keepAliveTimeout: 65_000,
    };
    const server =
      options.tls === undefined
        ? http.createServer(serverOptions, listener)
        : https.createServer({ ...serverOptions, ...tlsOptions(options.tls) }, listener);
    server.maxHeadersCount = limits.maxHeaders;
    capSockets(server, limits);
    gateway.attach(server);

    await listen(server, host, port);
    begun.push(() => {
      server.close();
      server.closeAllConnections();
    });
    const address = server.address() as AddressInfo;
    const shownHost = options.publicHost ?? (host === '0.0.0.0' || host === '::' ? 'localhost' : host);
    const secure = options.tls !== undefined;
    linkNow = () => {
      const code = admission === 'code' ? { joinCode: secrets.joinCode } : {};
      return formatLink({ host: shownHost, port: address.port, fingerprint, secure, ...code });
    };
    const bracketed = shownHost.includes(':') ? `[${shownHost}]` : shownHost;
    const url = `${secure ? 'https' : 'http'}://${bracketed}:${address.port}`;
    await writeFile(join(dataDir, 'server.json'), `${JSON.stringify({ url, pid: process.pid })}\n`, { mode: 0o600 });
    await coordinator.start();
    ready = true;

    const close = async (): Promise<void> => {
      ready = false;
      coordinator.close();
      gateway.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), 1_500);
      await closed;
      clearTimeout(cut);
      await masks.close();
      await audit.close();
      const { waiting, failure } = audit.state;
      if (waiting > 0) log.error({ failure }, `${waiting} entries of the audit log could not be written and are lost`);
      await closeStore();
    };
    return {
      url,
      port: address.port,
      get joinLink() {
        return linkNow();
      },
      fingerprint,
      get joinCode() {
        return secrets.joinCode;
      },
      get adminToken() {
        return secrets.adminToken;
      },
      get viewerToken() {
        return secrets.viewerToken;
      },
      operations,
      events,
      traffic: () => metrics.traffic(),
      sizes: () => ({ ...gateway.sizes(), ...coordinator.sizes(), ...events.sizes() }),
      close,
    };
  } catch (error) {
    for (const end of begun.toReversed()) await end();
    throw error;
  }
}

/** @throws FederatedError BAD_FILE when the texts are no key and certificate that belong together */
function tlsOptions({ key, cert, clientCa }: NonNullable<ServerOptions['tls']>): https.ServerOptions {
  const demands = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
  const all = { key, cert, ...demands, minVersion: 'TLSv1.2' } as const;
  try {
    tls.createSecureContext(all);
  } catch (cause) {
    const message = `TLS: key, certificate or client authority cannot be used: ${(cause as Error).message}`;
    throw new FederatedError('BAD_FILE', message, { cause });
  }
  return all;
}

async function listen(server: http.Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE'
          ? 'is taken by another program; choose another with --port'
          : `is not available: ${error.message}`;
      reject(new FederatedError('BAD_STATE', `port ${port} on ${host} ${why}`, { cause: error }));
    });
    server.listen({ host, port, backlog: 8_192 }, resolve);
  });
}
