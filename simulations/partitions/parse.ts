import { FederatedError } from '../../shared/errors.ts';
import { partition } from './partition.ts';
import { badPartition, type Partitioner } from './partitioner.ts';
import type { PathologicalMode } from './pathological.ts';

/** A kind of partition on the command line: `NAME[:VALUE][,option=value ...]`. */
interface Kind {
  /** How to write it, for messages and help. */
  readonly example: string;
  readonly what: string;
  /** Name of the value before the options, and whether it must be there. */
  readonly value?: { readonly name: string; readonly needed: boolean };
  readonly options?: readonly string[];
  make(read: Reader): Partitioner;
}

/** The values of one spec. */
interface Reader {
  readonly list: readonly string[];
  number(option: string): number | undefined;
  text(option: string): string | undefined;
  flag(option: string): boolean | undefined;
}

/** Only the options that were given: the others keep their defaults. */
const given = <T extends object>(options: { [K in keyof T]: T[K] | undefined }): T =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;

const plain = (what: string, make: () => Partitioner, example: string): Kind => ({ example, what, make });

/** Every kind by its name. */
export const partitionKinds: Readonly<Record<string, Kind>> = {
  iid: plain('equal random parts', partition.iid, 'iid'),
  shards: {
    example: 'shards:2',
    what: 'sorted by class, two shards for each client (McMahan 2017)',
    value: { name: 'shardsPerClient', needed: false },
    make: (read) => partition.shards(given({ shardsPerClient: read.number('shardsPerClient') })),
  },
  dirichlet: {
    example: 'dirichlet:0.3[,min=10][,balance=true]',
    what: 'each class cut by Dirichlet shares with this alpha',
    value: { name: 'alpha', needed: true },
    options: ['min', 'balance'],
    make: (read) =>
      partition.dirichlet({
        alpha: read.number('alpha')!,
        ...given({ minSize: read.number('min'), selfBalancing: read.flag('balance') }),
      }),
  },
  'inner-dirichlet': {
    example: 'inner-dirichlet:0.3[,sizes=10/20]',
    what: 'given or equal sizes, each client its own Dirichlet mixture of classes',
    value: { name: 'alpha', needed: true },
    options: ['sizes'],
    make: (read) =>
      partition.innerDirichlet({
        alpha: read.number('alpha')!,
        ...given({ sizes: read.text('sizes')?.split('/').map(Number) }),
      }),
  },
  pathological: {
    example: 'pathological:2[,mode=deterministic]',
    what: 'so many classes for each client',
    value: { name: 'classesPerClient', needed: true },
    options: ['mode'],
    make: (read) =>
      partition.pathological({
        classesPerClient: read.number('classesPerClient')!,
        ...given({ mode: read.text('mode') as PathologicalMode | undefined }),
      }),
  },
  distribution: {
    example: 'distribution:2[,sigma=2][,least=5]',
    what: 'so many classes for each client, sizes by a power law (FedProx)',
    value: { name: 'classesPerClient', needed: false },
    options: ['sigma', 'least'],
    make: (read) =>
      partition.distribution(
        given({
          classesPerClient: read.number('classesPerClient'),
          sigma: read.number('sigma'),
          least: read.number('least'),
        }),
      ),
  },
  natural: {
    example: 'natural[:GROUP]',
    what: 'the clients that the data come from, or a group such as sex',
    value: { name: 'by', needed: false },
    make: (read) => partition.natural(given({ by: read.text('by') })),
  },
  sizes: {
    example: 'sizes:10,20,30',
    what: 'these sizes, filled at random; the rest is left out',
    value: { name: 'sizes', needed: true },
    make: (read) => partition.sizes(read.list.map(Number)),
  },
  linear: plain('sizes grow with the client', partition.linear, 'linear'),
  square: plain('sizes grow with its square', partition.square, 'square'),
  exponential: plain('sizes grow exponentially', partition.exponential, 'exponential'),
  lognormal: {
    example: 'lognormal:1.2',
    what: 'log-normal sizes with this sigma (FedLab)',
    value: { name: 'sigma', needed: true },
    make: (read) => partition.lognormal({ sigma: read.number('sigma')! }),
  },
  continuous: {
    example: 'continuous:0.8[,by=mean]',
    what: 'sorted by a real number, more or less strictly',
    value: { name: 'strictness', needed: true },
    options: ['by'],
    make: (read) => partition.continuous({ strictness: read.number('strictness')!, ...given({ by: read.text('by') }) }),
  },
};

/** Every way to write a partition. */
export const partitionExamples = (): string[] => [
  ...Object.values(partitionKinds).map(({ example }) => example),
  '...+noise:0.1',
];

/**
 * A partitioner from `NAME[:VALUE][,option=value ...][+noise:SIGMA]`; `noise:SIGMA` alone stands for `iid+noise:SIGMA`.
 * @throws FederatedError BAD_ARGUMENT, naming what is known
 */
export function parsePartition(spec: string): Partitioner {
  const [first = '', ...alterations] = spec.split('+');
  if (first.startsWith('noise:')) return parsePartition(`iid+${spec}`);
  return alterations.reduce(alter, parseKind(first.trim()));
}

function alter(of: Partitioner, spec: string): Partitioner {
  const [, sigma] = /^noise:(.+)$/.exec(spec.trim()) ?? [];
  if (sigma === undefined) throw badPartition(`${of.name}+${spec}`, 'what follows + is noise:SIGMA');
  return partition.noise({ sigma: toNumber(`${of.name}+noise:${sigma}`, 'sigma', sigma) }, of);
}

function parseKind(spec: string): Partitioner {
  const at = spec.indexOf(':');
  const name = at < 0 ? spec.split(',')[0]! : spec.slice(0, at);
  if (!Object.hasOwn(partitionKinds, name)) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `partition: ${name === '' ? 'no name' : `no kind ${JSON.stringify(name)}`}; known are ${partitionExamples().join(', ')}`,
    );
  }
  const { value, options = [], example, make } = partitionKinds[name]!;
  const cells = spec
    .slice(at < 0 ? name.length : at + 1)
    .split(',')
    .filter((cell, i) => i > 0 || cell !== '');
  const bare = cells.filter((cell) => !cell.includes('='));
  const named = new Map(
    cells
      .filter((cell) => cell.includes('='))
      .map((cell) => [cell.slice(0, cell.indexOf('=')), cell.slice(cell.indexOf('=') + 1)]),
  );
  const bad = (what: string): never => {
    throw badPartition(spec, `${what}; write ${example}`);
  };
  if (value === undefined ? bare.length > 0 : bare.length > 1 && name !== 'sizes')
    bad(`unexpected ${JSON.stringify(bare.at(-1))}`);
  if (value?.needed === true && bare.length === 0) bad(`${value.name} is missing`);
  const unknown = [...named.keys()].find((key) => !options.includes(key));
  if (unknown !== undefined) bad(`no option ${JSON.stringify(unknown)}`);
  const text = (option: string): string | undefined => (option === value?.name ? bare[0] : named.get(option));
  return make({
    list: bare,
    text,
    number(option) {
      const found = text(option);
      return found === undefined ? undefined : toNumber(spec, option, found);
    },
    flag(option) {
      const found = text(option);
      if (found !== undefined && found !== 'true' && found !== 'false') bad(`${option} is true or false`);
      return found === undefined ? undefined : found === 'true';
    },
  });
}

function toNumber(spec: string, option: string, text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw badPartition(spec, `${option} is a number, got ${JSON.stringify(text)}`);
}
