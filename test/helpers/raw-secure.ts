import { generatorNames, type Primitives } from '../../shared/crypto/primitives.ts';
import { runId } from '../../shared/ids.ts';
import { encodeChunkFrame } from '../../shared/protocol/frames.ts';
import type { MessageOf, ServerMessage } from '../../shared/protocol/messages.ts';
import { ClientHalf } from '../../shared/secagg/client-half.ts';
import { modelHash } from '../../shared/secagg/context.ts';
import { AttemptLedger } from '../../shared/secagg/ledger.ts';
import { checkSecAggPlan, generatorOf } from '../../shared/secagg/plan.ts';
import { defaultPolicy } from '../../shared/secagg/policy.ts';
import { encodeUpdate } from '../../shared/updates/encode.ts';
import { pack } from '../../shared/updates/pack.ts';
import { checkUpdatePlan, type UpdatePlan } from '../../shared/updates/plan.ts';
import { MaskAdder } from '../../shared/vector/masking.ts';
import { primitives, random, type RawClient } from './raw-client.ts';

type Train = MessageOf<ServerMessage, 'train'>;
type Where = Pick<Train, 'run' | 'round' | 'attempt'>;

/** The client's half for a raw client, by the plans that it was told. */
export function rawHalf(
  raw: RawClient,
  train: Train,
  own: Primitives = primitives,
): { half: ClientHalf; where: Where; update: UpdatePlan } {
  const update = checkUpdatePlan(JSON.parse(train.update!));
  const where = { run: train.run, round: train.round, attempt: train.attempt };
  const plan = checkSecAggPlan(JSON.parse(train.secagg!));
  const masks = { generator: generatorOf(plan), keystreams: primitives.keystreams };
  const half = new ClientHalf({
    primitives: own,
    randomBytes: random,
    applyMasks: (words, plus, minus) => new MaskAdder(words, update.modulusBits, masks).apply(plus, minus),
    identity: raw.identity,
    generators: generatorNames,
    isEnrolled: () => true,
    ledger: new AttemptLedger(),
    policy: defaultPolicy,
    plan,
    update,
    round: { ...where, run: runId(train.run), model: modelHash(primitives, train.task, train.weights) },
  });
  return { half, where, update };
}

/** A message without what names it. */
export async function bodyOf<M extends { type: string } & Where>(
  message: Promise<M>,
): Promise<Omit<M, 'type' | 'run' | 'round' | 'attempt'>> {
  const { type: _, run: __, round: ___, attempt: ____, ...body } = await message;
  return body;
}

/**
 * Takes a raw client through a whole aggregation, message by message.
 * @returns its update as words, as they were before the mask
 */
export async function takePart(
  raw: RawClient,
  delta: Float32Array,
  examples: number,
  own?: Primitives,
): Promise<Uint32Array> {
  const train = await raw.next('train');
  const { half, where, update } = rawHalf(raw, train, own);
  raw.send({ type: 'advert', ...where, ...(await half.advertise()) });
  const shares = await half.share(await bodyOf(raw.next('roster')));
  raw.send({ type: 'shares', ...where, ...shares });
  raw.send({ type: 'shares', ...where, ...shares }); // the same again is passed over
  const words = encodeUpdate(update, { delta, examples, metrics: {} }, random(32));
  const masked = words.slice();
  await half.mask(await bodyOf(raw.next('delivery')), masked);
  const bytes = pack(masked, update.modulusBits);
  const upload = raw.offer(train, { bytes: bytes.length, examples: 0, encoding: 'masked' });
  await raw.next('send');
  raw.sendPlain(encodeChunkFrame(upload, 0, bytes));
  await raw.next('received');
  raw.send({ type: 'consent', ...where, ...(await half.consent(await bodyOf(raw.next('survivors')))) });
  raw.send({ type: 'reveal', ...where, ...(await half.reveal(await bodyOf(raw.next('unmask')))) });
  return words;
}
