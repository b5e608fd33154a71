import { gzipSync } from 'node:zlib';
import { utf8 } from '../../../../shared/bytes.ts';
import { parseCsv } from '../../../../simulations/datasets/csv.ts';
import { parseIdx } from '../../../../simulations/datasets/idx.ts';
import type { Target } from '../target.ts';
import { must } from './wire.ts';

/** Files of data sets. */

const idxBytes = (shape: readonly number[], type = 0x08, size = 1): Uint8Array => {
  const count = shape.reduce((product, side) => product * side, size);
  const bytes = new Uint8Array(4 + 4 * shape.length + count);
  bytes.set([0, 0, type, shape.length]);
  for (const [i, side] of shape.entries()) new DataView(bytes.buffer).setUint32(4 + 4 * i, side);
  return bytes;
};

const idx: Target = {
  name: 'idx',
  shape: 'bytes',
  weight: 4,
  seeds: [
    idxBytes([3, 4, 4]),
    idxBytes([5], 0x0c, 4),
    idxBytes([2, 2, 2, 2]),
    new Uint8Array(gzipSync(idxBytes([10, 8, 8]))),
  ],
  codes: ['BAD_FILE'],
  // A gzip'd file may unpack to what its header declares, at most 1,032 times its length; zlib itself has some 300 kB.
  allowed: (length) => 1_100 * length + 512 * 1024,
  read(input) {
    const { shape, data } = parseIdx(input, 'file');
    must(shape.reduce((product, side) => product * side, 1) === data.length, 'an array is as long as its shape says');
    return `${shape.length} ${data.constructor.name}`;
  },
};

const csv: Target = {
  name: 'csv',
  shape: 'text',
  weight: 3,
  seeds: [
    utf8('a,b,y\n1,2,0\n3.5,-4,1\n'),
    utf8('a,b,who,y\r\n1,"2",x,cat\r\n3,4,"y ""z""",dog\r\n'),
    utf8('a,y\n?,0\nNaN,1\n5,2\n'),
  ],
  codes: ['BAD_FILE'],
  allowed: (length) => 256 * length + 256 * 1024,
  read(input) {
    const text = new TextDecoder().decode(input);
    const client = text.includes('who') ? { client: 'who' } : {};
    const { count, xs, ys } = parseCsv(text, 'file', {
      label: 'y',
      missing: input.length % 2 === 0 ? 'drop' : 'refuse',
      ...client,
    });
    must(xs.length % count === 0 && ys.length === count, 'each line is an example');
    must(xs.every(Number.isFinite) || text.length > 40, 'features are finite');
    return `${count > 1} ${'client' in client}`;
  },
};

export const fileTargets: readonly Target[] = [idx, csv];
