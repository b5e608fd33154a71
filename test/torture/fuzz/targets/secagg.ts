import { encodeControl, decodeControl } from '../../../../shared/protocol/codec.ts';
import { checkStep, clientSteps, serverSteps } from '../../../../shared/secagg/messages.ts';
import { decodePositions } from '../../../../shared/secagg/positions.ts';
import { maxValues } from '../../../../shared/protocol/msgpack-reader.ts';
import type { ErrorCode } from '../../../../shared/errors.ts';
import { Aggregation, identities, remembering } from '../../../helpers/secagg.ts';
import { native } from '../../../helpers/primitives.ts';
import { clientExamples, serverExamples } from '../../../vectors/messages.ts';
import type { Target } from '../target.ts';
import { must } from './wire.ts';

/** The messages of secure aggregation: their schemas, the server's half with a liar in it, and a client's half with a lying server. */

type Step = keyof typeof clientSteps | keyof typeof serverSteps;
const schemas = { ...clientSteps, ...serverSteps };
const isStep = (type: string): type is Step => Object.hasOwn(schemas, type);
const examples = [...clientExamples, ...serverExamples].filter(({ type }) => isStep(type));
const allowed = (length: number): number => length + 64 * Math.min(maxValues, length);
/** `{ type, run, round, attempt, ...step }` without what says where it belongs. */
const stepIn = (input: Uint8Array): { type: string; step: Record<string, unknown> } => {
  const value = decodeControl(input, 64 * 1024) as Record<string, unknown> | null;
  const { type, run: _, round: _r, attempt: _a, ...step } = value ?? {};
  return { type: typeof type === 'string' ? type : '', step };
};

const steps: Target = {
  name: 'secagg-messages',
  shape: 'msgpack',
  weight: 8,
  seeds: examples.map(encodeControl),
  codes: ['SECAGG_MESSAGE', 'BAD_MESSAGE', 'TOO_LARGE'],
  allowed,
  read(input) {
    const value = decodeControl(input, 64 * 1024);
    if (value === null || typeof value !== 'object') return 'no map';
    const { type, step } = stepIn(input);
    const name = isStep(type) ? type : 'reveal';
    const checked = checkStep<(typeof schemas)[Step]>(name, schemas[name], step);
    if ('survivors' in checked) {
      for (const position of decodePositions(checked.survivors, 100))
        must(position < 100, 'positions are on the roster');
    }
    return name;
  },
};

const codes: readonly ErrorCode[] = [
  'BAD_SHARE',
  'SECAGG_CONTEXT',
  'SECAGG_MESSAGE',
  'SECAGG_STEP',
  'SECAGG_BAD_ADVERT',
  'SECAGG_REUSED_ADVERT',
  'SECAGG_UNKNOWN_PEER',
  'SECAGG_ROSTER',
  'SECAGG_GRAPH',
  'SECAGG_TOO_FEW',
  'SECAGG_SURVIVORS',
  'SECAGG_BOTH_SHARES',
  'SECAGG_REVEALED',
  'BAD_SIGNATURE',
  'BAD_MESSAGE',
  'TOO_LARGE',
  'SECAGG_SMALL_COHORT',
  'SECAGG_WEAK_THRESHOLD',
  'SECAGG_WEAK_GRAPH',
  'SECAGG_REPLAY',
];
const clients = 5;
const primitives = remembering(native);
const newAggregation = (): Aggregation => new Aggregation({ clients, primitives });

/** A server half that waits for the step, with the messages that honest clients would send; client 1 lies. */
async function serverAt(step: 'advert' | 'shares' | 'consent' | 'reveal') {
  const attempt = newAggregation();
  const said = new Map<string, object>();
  const note =
    (name: string) =>
    (message: object, { index }: { index: number }) => {
      if (index !== 1) return message as never;
      said.set(name, message);
      return step === name ? undefined : (message as never);
    };
  const hooks = {
    up: { advert: note('advert'), shares: note('shares'), consent: note('consent'), reveal: note('reveal') },
  };
  if (step === 'advert') {
    said.set('advert', await attempt.clients[1]!.half.advertise());
    return { attempt, message: said.get(step)! };
  }
  await attempt.advertise(hooks);
  if (step === 'shares') {
    said.set(
      'shares',
      await attempt.at(attempt.server.positionOf(identities(clients)[1]!.publicKey)!).half.share(attempt.roster!),
    );
    return { attempt, message: said.get(step)! };
  }
  await attempt.share(hooks);
  await attempt.mask(hooks);
  if (step === 'consent') {
    const survivors = attempt.server.closeMasked();
    return { attempt, message: await attempt.clients[1]!.half.consent(survivors) };
  }
  await attempt.consent(hooks);
  attempt.server.closeConsents();
  const position = attempt.server.positionOf(attempt.clients[1]!.identity.publicKey)!;
  return { attempt, message: await attempt.clients[1]!.half.reveal(attempt.server.unmaskFor(position)) };
}

export async function secaggTargets(): Promise<readonly Target[]> {
  const servers = await Promise.all(
    (['advert', 'shares', 'consent', 'reveal'] as const).map(async (step) => ({ step, ...(await serverAt(step)) })),
  );
  const server: Target = {
    name: 'secagg-server',
    shape: 'msgpack',
    weight: 3,
    seeds: servers.map(({ step, message }) => encodeControl({ type: step, ...message })),
    codes,
    allowed: (length) => allowed(length) + 64 * 1024,
    read(input) {
      const { type, step } = stepIn(input);
      const { attempt, ...at } = servers.find((each) => each.step === type) ?? servers[input.length % servers.length]!;
      const key = attempt.clients[1]!.identity.publicKey;
      const before = attempt.server.phase;
      const position = attempt.server.positionOf(key) ?? 1;
      if (at.step === 'advert') attempt.server.advert(key, step as never);
      else attempt.server[at.step](position, step as never);
      must(attempt.server.phase === before, 'one client alone does not move the others on');
      return at.step;
    },
  };

  /** Each input meets a fresh client that has advertised: what a server may tell it first. */
  const honest = newAggregation();
  await honest.advertise();
  const client: Target = {
    name: 'secagg-client',
    shape: 'msgpack',
    weight: 0.2,
    seeds: [encodeControl({ type: 'roster', ...honest.roster })],
    codes,
    allowed: (length) => allowed(length) + 512 * 1024,
    async read(input) {
      const { step } = stepIn(input);
      const { half } = newAggregation().clients[2]!;
      await half.advertise();
      try {
        await half.share(step as never);
      } finally {
        must(half.phase === 'shared' || half.phase === 'refused', 'a client goes on or takes part no more');
      }
      return 'shared';
    },
  };
  return [steps, server, client];
}
