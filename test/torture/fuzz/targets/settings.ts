import { utf8 } from '../../../../shared/bytes.ts';
import { checkRunConfig } from '../../../../server/config.ts';
import { EventLog } from '../../../../server/event-log.ts';
import { parseRange } from '../../../../server/http/range.ts';
import { parseStrategy } from '../../../../server/strategies/spec.ts';
import { parsePartition } from '../../../../simulations/partitions/parse.ts';
import { UpdateKeeper } from '../../../../client/kept-update.ts';
import { FederatedError } from '../../../../shared/errors.ts';
import { defaultLimits } from '../../../../shared/protocol/limits.ts';
import { checkSecAggPlan, makeSecAggPlan } from '../../../../shared/secagg/plan.ts';
import { tasks } from '../../../../shared/tasks/catalog.ts';
import { modelLayout } from '../../../../shared/tasks/model.ts';
import { canonicalJson, decodeTask, encodeTask } from '../../../../shared/tasks/task.ts';
import { checkUpdatePlan, makeUpdatePlan } from '../../../../shared/updates/plan.ts';
import { layoutSize } from '../../../../shared/weights.ts';
import type { Target } from '../target.ts';
import { must } from './wire.ts';

/** What comes as JSON or text: tasks and their models, runs' settings, plans, specifications, what a device has kept. */

const decoder = new TextDecoder();
const parsed = (input: Uint8Array): unknown => {
  try {
    return JSON.parse(decoder.decode(input));
  } catch {
    return decoder.decode(input);
  }
};
/** Objects of JSON take a multiple of their text, and the checks make a copy. */
const jsonBytes = (length: number): number => 64 * length + 128 * 1024;
/** As the server does where tasks come in, and the client where it fetches them. */
function checkSize({ length }: Uint8Array): void {
  if (length > defaultLimits.maxTaskBytes) throw new FederatedError('TOO_LARGE', 'larger than a task may be');
}
const all = Object.values(tasks);

const task: Target = {
  name: 'task',
  shape: 'json',
  weight: 10,
  seeds: all.map(encodeTask).filter(({ length }) => length < 4_000),
  codes: ['BAD_TASK', 'BAD_MODEL', 'TOO_LARGE'],
  allowed: (length) => 3 * jsonBytes(length), // what is accepted is read three times
  read(input) {
    checkSize(input);
    const found = decodeTask(input);
    const size = layoutSize(modelLayout(found.model));
    must(Number.isSafeInteger(size) && size > 0 && size <= 2 ** 30, 'a model has a size that memory may hold');
    must(canonicalJson(decodeTask(encodeTask(found))) === canonicalJson(found), 'a checked task stays as it is');
    return `${found.model.layers.map(({ type }) => type).slice(0, 4).join(' ')}`; // prettier-ignore
  },
};

const config: Target = {
  name: 'run-config',
  shape: 'json',
  weight: 8,
  seeds: [
    {},
    { strategy: { name: 'fedadam' }, clientFraction: 0.5, minClients: 20 },
    { strategy: { name: 'multi-krum' }, secureAggregation: false, minClients: 20, clientsPerRound: 20 },
    { strategy: { name: 'scaffold' }, weighting: 'uniform', overselect: 1.3, seed: 7 },
  ].map((changes) => utf8(JSON.stringify({ task: all[0], rounds: 3, seed: 1, ...changes }))),
  codes: ['BAD_CONFIG', 'BAD_TASK', 'BAD_MODEL', 'BAD_ARGUMENT', 'TOO_LARGE'],
  allowed: jsonBytes,
  read(input) {
    checkSize(input);
    const found = checkRunConfig(parsed(input));
    return `${found.strategy.name} ${found.secureAggregation}`;
  },
};

const update = makeUpdatePlan({
  dimension: 20,
  maxCohort: 5,
  clippingNorm: 1,
  weighting: 'examples',
  maxExamples: 100,
});
const updatePlan: Target = {
  name: 'update-plan',
  shape: 'json',
  weight: 6,
  seeds: [utf8(JSON.stringify(update))],
  codes: ['BAD_PLAN', 'MODULUS_OVERFLOW'],
  allowed: jsonBytes,
  read: (input) => `${checkUpdatePlan(parsed(input)).metrics.length} metrics`,
};

const secaggPlan: Target = {
  name: 'secagg-plan',
  shape: 'json',
  weight: 6,
  seeds: [{}, { generator: 'aes-256-ctr' } as const].map((more) =>
    utf8(
      JSON.stringify(makeSecAggPlan({ maxCohort: 5, modulusBits: 32, words: 20, update: 'ab'.repeat(32), ...more })),
    ),
  ),
  codes: ['BAD_PLAN'],
  allowed: jsonBytes,
  read: (input) => checkSecAggPlan(parsed(input)).format,
};

const words: Target = {
  name: 'specifications',
  shape: 'text',
  weight: 4,
  seeds: ['fedadam:lr=0.1,tau=0.001', 'krum:f=2', 'dirichlet:alpha=0.3', 'shards:perClient=2', 'iid'].map(utf8),
  codes: ['BAD_ARGUMENT', 'BAD_CONFIG'],
  allowed: jsonBytes,
  read(input) {
    const text = decoder.decode(input);
    return input.length % 2 === 0 ? parseStrategy(text).name : parsePartition(text).name;
  },
};

/** A file that an earlier start of a client has left, or half of one. */
const kept: Target = {
  name: 'kept-update',
  shape: 'bytes',
  weight: 4,
  seeds: [
    (() => {
      const about = utf8(
        JSON.stringify({
          server: 'ab',
          secure: false,
          facts: {},
          update: { key: 'k', bytes: 8, upload: 'ab'.repeat(16) },
        }),
      );
      return Uint8Array.of(about.length & 255, about.length >> 8, 0, 0, ...about, 0, 0, 0, 0, 0, 0, 128, 63);
    })(),
    Uint8Array.of(4, 0, 0, 0, ...utf8('null')),
  ],
  codes: [],
  allowed: jsonBytes,
  async read(input) {
    const keeper = new UpdateKeeper({
      lasting: true,
      load: async () => input,
      save: async () => {},
      remove: async () => {},
    });
    await keeper.restore();
    const restored = keeper.take('ab', false);
    if (restored === null) return 'nothing';
    must(restored.update.bytes === keeper.bytesOf(restored.update.key).length, 'an update is whole');
    return 'restored';
  },
};

const events = new EventLog(1_000, 20);
for (let i = 0; i < 30; i++) events.add({ at: 1, run: null, type: 'client', message: 'm', data: {} });

/** Headers that are read by our own code. */
const headers: Target = {
  name: 'headers',
  shape: 'text',
  weight: 6,
  seeds: ['bytes=0-99', 'bytes=-5', 'bytes=10-', `${(1_000).toString(36)}-12`, 'bytes=0-1,3-4'].map(utf8),
  codes: [],
  allowed: jsonBytes,
  read(input) {
    const text = decoder.decode(input);
    const missed = events.since(text);
    must(missed === null || missed.length <= 20, 'no more events are missed than are kept');
    const range = parseRange(text, 1_000);
    if (range === null || range === 'unsatisfiable') return `${range}`;
    must(range.start >= 0 && range.start < range.end && range.end <= 1_000, 'a range lies within its blob');
    return 'range';
  },
};

export const settingsTargets: readonly Target[] = [task, config, updatePlan, secaggPlan, words, kept, headers];
