import * as v from 'valibot';
import { concat, equalBytes, utf8 } from '../bytes.ts';
import { fingerprintOf, type Identity, type Signer } from '../crypto/identity.ts';
import { suiteNames, type Primitives, type SuiteName } from '../crypto/primitives.ts';
import { errorCodes, FederatedError, type ErrorCode } from '../errors.ts';
import { decodeControl, encodeControl } from './codec.ts';
import { normaliseJoinCode } from './join-code.ts';
import { defaultLimits } from './limits.ts';

/**
 * The handshake, as pure functions: both sides give fresh X25519 keys and nonces; the server signs the transcript; the
 * client proves its identity over the same transcript inside the sealed channel (SIGMA, Krawczyk 2003, with the client's
 * identity hidden from the network). Byte by byte in README.md beside this file.
 */

export const protocolVersion = 1;

const magic = utf8('FDLM');
const kinds = { clientHello: 1, serverHello: 2, refusal: 3 } as const;
const prefixLength = magic.length + 1;
const signatureLength = 64;

const labels = {
  transcript: utf8('fedloom/1 transcript'),
  serverHello: utf8('fedloom/1 server hello'),
  clientAuth: utf8('fedloom/1 client auth'),
  toServer: utf8('fedloom/1 client to server'),
  toClient: utf8('fedloom/1 server to client'),
  joinKey: utf8('fedloom/1 join key'),
  joinProof: utf8('fedloom/1 join proof'),
};

const bytes32 = v.pipe(
  v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'expected bytes'),
  v.check((value) => value.length === 32, 'expected 32 bytes'),
);
const u16 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff));

/** Not strict: the client of a later version may say more, and still agree on version 1. Only the server reads it, as the mark says. */
const clientHelloSchema = /* @__PURE__ */ (() =>
  v.object({
    versions: v.pipe(v.array(u16), v.minLength(1), v.maxLength(8)),
    suites: v.pipe(v.array(v.pipe(v.string(), v.maxLength(32))), v.minLength(1), v.maxLength(8)),
    ephemeral: bytes32,
    nonce: bytes32,
  }))();
const serverHelloSchema = v.strictObject({
  version: u16,
  suite: v.picklist(suiteNames),
  ephemeral: bytes32,
  nonce: bytes32,
  identity: bytes32,
});
type ServerHello = v.InferOutput<typeof serverHelloSchema>;
const refusalSchema = v.strictObject({
  code: v.picklist(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]),
  message: v.pipe(v.string(), v.maxLength(512)),
});

/** What both sides hold after the hellos. `transcript` is a hash of 32 bytes; the keys have 32 bytes. */
export interface Handshake {
  readonly version: number;
  readonly suite: SuiteName;
  readonly transcript: Uint8Array;
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
  readonly serverPublicKey: Uint8Array;
}

const frame = (kind: number, body: Uint8Array): Uint8Array => concat(magic, Uint8Array.of(kind), body);

function unframe<S extends v.GenericSchema>(
  what: string,
  kind: number,
  bytes: Uint8Array,
  schema: S,
): v.InferOutput<S> {
  const isOurs =
    bytes.length > prefixLength && magic.every((byte, i) => bytes[i] === byte) && bytes[magic.length] === kind;
  if (!isOurs) throw new FederatedError('BAD_HANDSHAKE', `handshake: expected a ${what} of Fedloom`);
  let value: unknown;
  try {
    value = decodeControl(bytes.subarray(prefixLength), defaultLimits.maxHelloBytes);
  } catch (cause) {
    throw new FederatedError('BAD_HANDSHAKE', `handshake: a ${what} that cannot be read`, { cause });
  }
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw new FederatedError(
    'BAD_HANDSHAKE',
    `handshake: ${what}: ${v.getDotPath(issue) ?? 'value'}: ${issue.message}`.slice(0, 256),
  );
}

/** What a server sends, in clear, instead of its hello (or when the session ends before it is sealed). */
export const encodeRefusal = (code: ErrorCode, message: string): Uint8Array =>
  frame(kinds.refusal, encodeControl({ code, message: message.slice(0, 512) }));

/** A length as four bytes, little-endian. */
const length = (bytes: Uint8Array): Uint8Array => {
  const field = new Uint8Array(4);
  new DataView(field.buffer).setUint32(0, bytes.length, true);
  return field;
};

/** A hash over both hellos as sent, each with its length before it; the server's without its signature. */
function transcriptOf(primitives: Primitives, clientHello: Uint8Array, serverHello: Uint8Array): Uint8Array {
  return primitives.sha256(
    concat(labels.transcript, length(clientHello), clientHello, length(serverHello), serverHello),
  );
}

/** The keys of the two directions. The shared secret is overwritten. */
function keysOf(
  primitives: Primitives,
  shared: Uint8Array,
  transcript: Uint8Array,
): { toServer: Uint8Array; toClient: Uint8Array } {
  const toServer = primitives.hkdf(shared, transcript, labels.toServer, 32);
  const toClient = primitives.hkdf(shared, transcript, labels.toClient, 32);
  shared.fill(0);
  return { toServer, toClient };
}

/**
 * The client's side: its hello to send, and `finish` for the server's answer, once. `finish` throws BAD_HANDSHAKE,
 * NO_COMMON_VERSION, NO_COMMON_SUITE, WRONG_SERVER, BAD_SIGNATURE, or what the server refused with.
 * @param options.ephemeralSecret - 32 fresh random bytes, never used again
 * @param options.nonce - 32 fresh random bytes
 */
export function startHandshake(options: {
  readonly primitives: Primitives;
  readonly ephemeralSecret: Uint8Array;
  readonly nonce: Uint8Array;
  readonly suites?: readonly SuiteName[];
}): {
  readonly hello: Uint8Array;
  readonly finish: (serverHello: Uint8Array, expectedFingerprint?: string) => Handshake;
} {
  const { primitives, nonce, suites = primitives.suites } = options;
  let secret: Uint8Array | null = new Uint8Array(options.ephemeralSecret);
  const ephemeral = primitives.agreementPublicKey(secret);
  const hello = frame(
    kinds.clientHello,
    encodeControl({ versions: [protocolVersion], suites: [...suites], ephemeral, nonce }),
  );
  return {
    hello,
    finish: (answer, expectedFingerprint) => {
      if (secret === null) throw new FederatedError('BAD_STATE', 'handshake: it is over; start a new one');
      const own = secret;
      secret = null;
      try {
        if (answer[magic.length] === kinds.refusal) throw refusalIn(answer);
        const { signed, signature, server } = readServerHello(answer);
        checkChoice(primitives, suites, server, expectedFingerprint);
        const transcript = transcriptOf(primitives, hello, signed);
        if (!primitives.verify(server.identity, concat(labels.serverHello, transcript), signature)) {
          throw new FederatedError('BAD_SIGNATURE', "handshake: the server's signature is wrong");
        }
        const { toServer, toClient } = keysOf(primitives, primitives.agree(own, server.ephemeral), transcript);
        const { version, suite, identity } = server;
        return { version, suite, transcript, sendKey: toServer, receiveKey: toClient, serverPublicKey: identity };
      } finally {
        own.fill(0); // what was recorded stays closed to whoever takes this memory later
      }
    },
  };
}

/** What a server said in clear instead of its hello. Anyone on the way could have written it. */
function refusalIn(answer: Uint8Array): FederatedError {
  const { code, message } = unframe('refusal', kinds.refusal, answer, refusalSchema);
  return new FederatedError(code, `the server refused: ${message.replaceAll(/\p{Cc}/gu, ' ')}`); // safe on a terminal
}

function readServerHello(answer: Uint8Array): { signed: Uint8Array; signature: Uint8Array; server: ServerHello } {
  if (answer.length <= prefixLength + signatureLength || answer.length > defaultLimits.maxHelloBytes) {
    throw new FederatedError('BAD_HANDSHAKE', `handshake: a server hello of ${answer.length} bytes`);
  }
  const end = answer.length - signatureLength;
  const signed = answer.subarray(0, end);
  const server = unframe('server hello', kinds.serverHello, signed, serverHelloSchema);
  return { signed, signature: answer.subarray(end), server };
}

/** The server may only choose what was offered, and must be the one that the link names. */
function checkChoice(
  primitives: Primitives,
  suites: readonly SuiteName[],
  server: ServerHello,
  expectedFingerprint: string | undefined,
): void {
  if (server.version !== protocolVersion) {
    throw new FederatedError('NO_COMMON_VERSION', `handshake: the server chose version ${server.version}, not offered`);
  }
  if (!suites.includes(server.suite)) {
    throw new FederatedError('NO_COMMON_SUITE', `handshake: the server chose ${server.suite}, not offered`);
  }
  if (expectedFingerprint !== undefined && fingerprintOf(primitives, server.identity) !== expectedFingerprint) {
    throw new FederatedError(
      'WRONG_SERVER',
      'handshake: this is not the server of the join link (its key differs); ask for a new link',
    );
  }
}

/**
 * The server's side: its answer to a client hello. Nothing costly is done for a hello that has not the right form.
 * @param options.ephemeralSecret - 32 fresh random bytes, never used again
 * @param options.nonce - 32 fresh random bytes
 * @throws FederatedError BAD_HANDSHAKE, NO_COMMON_VERSION, NO_COMMON_SUITE
 */
export function answerHello(options: {
  readonly primitives: Primitives;
  readonly identity: Identity;
  readonly hello: Uint8Array;
  readonly ephemeralSecret: Uint8Array;
  readonly nonce: Uint8Array;
  readonly suites?: readonly SuiteName[];
}): { readonly serverHello: Uint8Array; readonly handshake: Handshake } {
  const { primitives, identity, hello, ephemeralSecret, nonce, suites = primitives.suites } = options;
  const client = unframe('client hello', kinds.clientHello, hello, clientHelloSchema);
  if (!client.versions.includes(protocolVersion)) {
    throw new FederatedError(
      'NO_COMMON_VERSION',
      `handshake: this server speaks version ${protocolVersion}, the client ${client.versions.join(', ')}`,
    );
  }
  const suite = suites.find((each) => client.suites.includes(each));
  if (suite === undefined)
    throw new FederatedError('NO_COMMON_SUITE', `handshake: this server has ${suites.join(', ')}`);
  const shared = primitives.agree(ephemeralSecret, client.ephemeral);
  const ephemeral = primitives.agreementPublicKey(ephemeralSecret);
  const fields = { version: protocolVersion, suite, ephemeral, nonce, identity: identity.publicKey };
  const signed = frame(kinds.serverHello, encodeControl(fields));
  const transcript = transcriptOf(primitives, hello, signed);
  const signature = identity.sign(concat(labels.serverHello, transcript));
  const { toServer, toClient } = keysOf(primitives, shared, transcript);
  return {
    serverHello: concat(signed, signature),
    handshake: {
      version: protocolVersion,
      suite,
      transcript,
      sendKey: toClient,
      receiveKey: toServer,
      serverPublicKey: identity.publicKey,
    },
  };
}

/** What a client puts into its `auth` message. */
export interface ClientProof {
  /** Ed25519 public key, 32 bytes */
  readonly identity: Uint8Array;
  readonly signature: Uint8Array;
  readonly joinProof?: Uint8Array | undefined;
}

export async function proveClient(options: {
  readonly primitives: Primitives;
  readonly identity: Signer;
  readonly transcript: Uint8Array;
  readonly joinCode?: string;
}): Promise<ClientProof> {
  const { primitives, identity, transcript, joinCode } = options;
  const signature = await identity.sign(concat(labels.clientAuth, transcript));
  const proof = { identity: identity.publicKey, signature };
  if (joinCode === undefined) return proof;
  return { ...proof, joinProof: joinProofOf(primitives, transcript, identity.publicKey, joinCode) };
}

/** @throws FederatedError BAD_SIGNATURE */
export function checkClientProof(options: {
  readonly primitives: Primitives;
  readonly transcript: Uint8Array;
  readonly proof: ClientProof;
}): void {
  const { primitives, transcript, proof } = options;
  if (primitives.verify(proof.identity, concat(labels.clientAuth, transcript), proof.signature)) return;
  throw new FederatedError('BAD_SIGNATURE', "handshake: the client's signature is wrong");
}

/** Whether the proof was made with this join code, for this session and this client. In constant time. */
export function checkJoinProof(options: {
  readonly primitives: Primitives;
  readonly transcript: Uint8Array;
  readonly identity: Uint8Array;
  readonly joinProof: Uint8Array;
  readonly joinCode: string;
}): boolean {
  const { primitives, transcript, identity, joinProof, joinCode } = options;
  return equalBytes(joinProof, joinProofOf(primitives, transcript, identity, joinCode));
}

function joinProofOf(
  primitives: Primitives,
  transcript: Uint8Array,
  identity: Uint8Array,
  joinCode: string,
): Uint8Array {
  const key = primitives.hkdf(utf8(normaliseJoinCode(joinCode)), new Uint8Array(0), labels.joinKey, 32);
  return primitives.hmac(key, concat(labels.joinProof, transcript, identity));
}
