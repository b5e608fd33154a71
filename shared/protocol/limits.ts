/** Every limit of the protocol, with its unit. All are options of the server; these are the defaults. */
export const defaultLimits = {
  /** Largest WebSocket message before the session is open, bytes. */
  maxHelloBytes: 4 * 1024,
  /** Largest control message, bytes of msgpack. */
  maxControlBytes: 4 * 1024,
  /** Largest control message that comes in parts, bytes: from a client, and from the server. */
  maxLongBytes: 64 * 1024,
  maxRosterBytes: 4 * 1024 * 1024,
  /** Bytes of an update in one chunk; a multiple of 4. */
  chunkBytes: 256 * 1024,
  /** Bytes a client may send ahead of the last acknowledgement. */
  windowBytes: 4 * 1024 * 1024,
  /** The server acknowledges at least every so many bytes. */
  ackBytes: 1024 * 1024,
  /** Largest update, bytes (2^30: 268 million parameters). */
  maxUpdateBytes: 1024 * 1024 * 1024,
  /** Updates that begin to be received within one second; more wait their turn, and slow ones do not hold them up. */
  maxUploads: 4,
  /** Bytes of half-received updates held at once, over all clients; at least one upload is always let in. */
  maxSpoolBytes: 64 * 1024 * 1024,
  /** From the TCP connection to a complete handshake, ms. */
  helloTimeout: 5_000,
  /** Each side sends something at least this often, ms. */
  heartbeat: 15_000,
  /** Silence after which the other side counts as gone, in heartbeats. */
  heartbeatMisses: 2.5,
  /** A closed socket's client may come back within this time before its round goes on without it, ms. */
  rejoinGrace: 1_000,
  /** Slowest upload that is suffered, bytes a second over `uploadPatience`. */
  minUploadRate: 16 * 1024,
  /** ms */
  uploadPatience: 30_000,
  /** An upload that stands still for so long, while others wait, gives up its place and starts again later, ms. */
  uploadStall: 2_000,
  /** Control messages a second, and the burst above it. */
  controlRate: 50,
  controlBurst: 200,
  /** A chunk that is shorter, and shorter than `chunkBytes`, counts as a control message: it costs as much. Bytes. */
  shortChunkBytes: 4 * 1024,
  /** Connections from one address that have not finished the handshake. */
  maxPendingPerAddress: 100,
  /** Connections in all. */
  maxConnections: 12_000,
  /** TCP connections of one address, whatever they are for, and in all. Many clients may share one address. */
  maxSocketsPerAddress: 4_000,
  maxSockets: 16_000,
  /** Bytes queued to a client that does not read; above, the session ends. */
  maxQueuedBytes: 16 * 1024 * 1024,
  /** Largest task, bytes of JSON. */
  maxTaskBytes: 256 * 1024,
  /** From the first byte of a connection, or of the request after another, to the end of its headers, ms. */
  headersTimeout: 10_000,
  /** The same to the end of the body, ms. */
  requestTimeout: 60_000,
  /** A request's first line and headers, bytes; headers beyond their number are not looked at. */
  maxHeaderBytes: 16 * 1024,
  maxHeaders: 100,
  /** JSON of a request, but for one that brings a task, bytes. */
  maxBodyBytes: 64 * 1024,
  /** A download that stands still for so long is cut, ms. */
  downloadStall: 60_000,
  /** Requests a minute of one address: with a wrong token, and those that change something. */
  maxWrongTokens: 60,
  maxChanges: 120,
  /** Event streams open at once: of one address, and in all. */
  maxStreamsPerAddress: 64,
  maxStreams: 1_000,
  /** Bytes queued to a reader of events; above, its stream is cut. */
  maxStreamQueuedBytes: 1024 * 1024,
} as const;

export type Limits = { -readonly [K in keyof typeof defaultLimits]: number };

/** Frames under one key; then the session ends with SEAL_EXHAUSTED and the client connects anew (fresh keys). */
export const maxFramesPerKey = 2 ** 32;
/** Messages of one WebSocket message: more fragments than this end the connection. */
export const maxFragments = 64;
/** Socket reads that one WebSocket message may be spread over. */
export const maxBufferedChunks = 1_024;
