import { equalBytes } from '../bytes.ts';
import type { ClientPrimitives } from '../crypto/primitives.ts';
import { FederatedError, type ErrorCode } from '../errors.ts';
import { shapeOf, type Graph, type Shape } from './graph.ts';
import { checkStep, lengths, partsOf, serverSteps, type ServerStep } from './messages.ts';
import type { SecAggPlan } from './plan.ts';
import { countIn, decodePositions } from './positions.ts';
import {
  advertStatement,
  badAdvert,
  checkContext,
  readRoster,
  sharingStatement,
  shortName,
  type Roster,
} from './roster.ts';

/** Whether an identity (Ed25519 public key) is one of those who may take part, by a list that is not the server's to edit. */
export type RosterCheck = (identity: Uint8Array) => boolean;

export function refuse(code: ErrorCode, text: string): never {
  throw new FederatedError(code, `secagg: ${text}; refused`);
}

export interface RosterExpectation {
  readonly plan: SecAggPlan;
  readonly context: Uint8Array;
  /** As this client has sent it. */
  readonly ownAdvert: Uint8Array;
  readonly isEnrolled: RosterCheck;
}

/**
 * What a client checks before it shares anything: that everyone on the roster is enrolled, has signed fresh keys for this very
 * context, and occurs once; that it is there itself; that they are enough; and that the server has the same graph in mind.
 * @throws FederatedError SECAGG_MESSAGE, SECAGG_SMALL_COHORT, SECAGG_CONTEXT, SECAGG_UNKNOWN_PEER, SECAGG_BAD_ADVERT,
 *   SECAGG_REUSED_ADVERT, SECAGG_ROSTER, SECAGG_GRAPH, SECAGG_WEAK_GRAPH
 */
export async function checkRoster(
  primitives: ClientPrimitives,
  message: ServerStep<'roster'>,
  { plan, context, ownAdvert, isEnrolled }: RosterExpectation,
): Promise<{ readonly roster: Roster; readonly position: number; readonly shape: Shape }> {
  const { adverts: bytes, degree, threshold } = checkStep('roster', serverSteps.roster, message);
  // A copy, since the transport may use its memory again.
  const roster = readRoster(primitives, context, new Uint8Array(bytes));
  const { adverts } = roster;
  checkCohort(plan, adverts.length, 'the roster');
  if (adverts.length > plan.maxCohort) {
    refuse(
      'SECAGG_ROSTER',
      `the roster has ${adverts.length} clients, and sums of more than ${plan.maxCohort} could overflow`,
    );
  }
  const position = adverts.findIndex((advert) => equalBytes(advert.bytes, ownAdvert));
  if (position < 0) refuse('SECAGG_ROSTER', 'the roster lacks the advert that this client has sent');
  for (const advert of adverts) {
    checkContext(advert, context);
    if (isEnrolled(advert.identity)) continue;
    refuse('SECAGG_UNKNOWN_PEER', `client ${shortName(advert.identity)} on the roster is not enrolled`);
  }
  const verdicts = await Promise.all(
    adverts.map(
      async (advert, i) =>
        i === position || primitives.verify(advert.identity, advertStatement(advert), advert.signature),
    ),
  );
  for (const [i, advert] of adverts.entries()) if (verdicts[i] !== true) badAdvert(advert);

  const shape = shapeOf(plan, adverts.length);
  if (shape.degree !== degree || shape.threshold !== threshold) {
    const own = `${shape.degree} neighbours with threshold ${shape.threshold}`;
    refuse('SECAGG_GRAPH', `the server has a graph of ${degree} with ${threshold}, the plan gives ${own}`);
  }
  return { roster, position, shape };
}

/** @throws FederatedError SECAGG_SMALL_COHORT */
export function checkCohort({ minCohort }: SecAggPlan, clients: number, where: string): void {
  if (clients >= minCohort) return;
  refuse('SECAGG_SMALL_COHORT', `${where} has ${clients} clients, and the plan promises at least ${minCohort}`);
}

/** Where a client stands once it has shared. */
export interface Standing {
  readonly plan: SecAggPlan;
  readonly roster: Roster;
  readonly graph: Graph;
  /** The client's own place on the roster. */
  readonly position: number;
}

/** @throws FederatedError SECAGG_TOO_FEW unless enough of the client's share holders are in the set */
export function checkNear({ graph, position }: Standing, set: ReadonlySet<number>, what: string): void {
  const { threshold } = graph.shape;
  const near = countIn(graph.holders(position), set);
  if (near >= threshold) return;
  refuse(
    'SECAGG_TOO_FEW',
    `only ${near} of the holders of this client's shares ${what}, and the threshold is ${threshold}`,
  );
}

export interface Delivery {
  /** U2 */
  readonly sharers: ReadonlySet<number>;
  readonly parcels: ReadonlyMap<number, Uint8Array>;
  /** Of the neighbours, over the roster. Not checked yet: see `checkSharing`. */
  readonly signatures: ReadonlyMap<number, Uint8Array>;
}

/**
 * What a client checks before it masks: that the parcels come from its neighbours in the recomputed graph, all of them who
 * have shared, and that there are enough of them.
 * @throws FederatedError SECAGG_MESSAGE, SECAGG_SMALL_COHORT, SECAGG_GRAPH, SECAGG_TOO_FEW
 */
export function checkDelivery(message: ServerStep<'delivery'>, standing: Standing): Delivery {
  const { plan, roster, graph, position } = standing;
  const clients = roster.adverts.length;
  const checked = checkStep('delivery', serverSteps.delivery, message);
  const sharers = decodePositions(checked.sharers, clients);
  const from = decodePositions(checked.from, clients);
  checkCohort(plan, sharers.size, 'the list of those who have shared');
  if (!sharers.has(position)) refuse('SECAGG_MESSAGE', 'this client has shared, but the server says it has not');
  const expected = graph.neighbours(position).filter((each) => sharers.has(each));
  for (const each of from) {
    if (expected.includes(each)) continue;
    refuse('SECAGG_GRAPH', `there are shares of client ${each}, which is no neighbour in the graph of this roster`);
  }
  if (from.size !== expected.length) {
    refuse('SECAGG_GRAPH', `shares of ${from.size} neighbours came, but ${expected.length} are said to have shared`);
  }
  checkNear(standing, sharers, 'have shared');
  // Copies, since opening them takes a while.
  const parcels = partsOf('delivery', new Uint8Array(checked.parcels), lengths.parcel, from);
  const signatures = partsOf('signatures', new Uint8Array(checked.signatures), lengths.signature, from);
  return { sharers, parcels, signatures };
}

/**
 * Tells a neighbour that has shared for another roster from one whose parcel is just broken. A parcel that opens needs no
 * signature: its key holds the roster's hash, and nobody but the two ends knows it.
 * @param unopened - the neighbours whose parcels have not opened
 * @throws FederatedError SECAGG_ROSTER
 */
export function checkSharing(
  primitives: ClientPrimitives,
  standing: Standing,
  { signatures }: Delivery,
  unopened: readonly number[],
): Promise<void> {
  const suspects = new Map(unopened.map((each) => [each, signatures.get(each)!]));
  return checkSignatures(primitives, standing, suspects, {
    statement: sharingStatement(standing.roster.hash),
    fault: { code: 'SECAGG_ROSTER', text: 'has not signed the roster that this client has' },
  });
}

/** @throws FederatedError the fault's code for a signature that is not right */
export async function checkSignatures(
  primitives: ClientPrimitives,
  { roster }: Standing,
  bySigner: ReadonlyMap<number, Uint8Array>,
  {
    statement,
    fault,
  }: { readonly statement: Uint8Array; readonly fault: { readonly code: ErrorCode; readonly text: string } },
): Promise<void> {
  const signatures = [...bySigner];
  const identityAt = (signer: number): Uint8Array => roster.adverts[signer]!.identity;
  const verdicts = await Promise.all(
    signatures.map(async ([signer, signature]) => primitives.verify(identityAt(signer), statement, signature)),
  );
  for (const [i, [signer]] of signatures.entries()) {
    if (verdicts[i] !== true) refuse(fault.code, `client ${shortName(identityAt(signer))} ${fault.text}`);
  }
}
