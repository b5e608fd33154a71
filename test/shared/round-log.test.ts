import { expect } from 'chai';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { runId } from '../../shared/ids.ts';
import { findBreak, firstPrevious, sealRecord, type RoundRecord } from '../../shared/round-log.ts';
import { recordAfter } from '../contracts/store.ts';

const chain = (length: number): RoundRecord[] => {
  const records: RoundRecord[] = [];
  for (let round = 1; round <= length; round++) {
    records.push(recordAfter(runId('first'), records.at(-1) ?? null, round, round % 3 === 0 ? 'short' : 'done'));
  }
  return records;
};

describe('the round log', () => {
  it('seals a record with the SHA-256 of its JSON with sorted keys', () => {
    const [record] = chain(1);
    const a = 'a'.repeat(32);
    const b = 'b'.repeat(32);
    const hex = (digit: string): string => digit.repeat(64);
    const json =
      `{"attempt":1,"cohort":["${a}","${b}"],"endedAt":2000,"previous":"${firstPrevious}","reason":"",` +
      `"reports":[{"client":"${a}","examples":10}],"result":"done","round":1,"run":"first",` +
      `"secureAggregation":false,"sequence":1,` +
      `"startedAt":1000,"task":"${hex('7')}","weightsAfter":"${hex('1')}","weightsBefore":"${hex('0')}"}`;
    expect(record?.hash).to.equal(createHash('sha256').update(json).digest('hex'));
  });

  it('holds for what was sealed in order, also after a trip through JSON', () => {
    expect(findBreak([])).to.equal(-1);
    expect(findBreak(chain(5))).to.equal(-1);
    expect(findBreak(JSON.parse(JSON.stringify(chain(5))) as RoundRecord[])).to.equal(-1);
  });

  it('breaks at a record that was changed, dropped, doubled, swapped or put in', () => {
    const records = chain(5);
    expect(findBreak(records.with(2, { ...records[2]!, endedAt: 3_000 }))).to.equal(2);
    expect(findBreak(records.toSpliced(2, 1))).to.equal(2);
    expect(findBreak(records.slice(1))).to.equal(0);
    expect(findBreak(records.toSpliced(2, 0, records[1]!))).to.equal(2);
    expect(findBreak(records.with(1, records[2]!).with(2, records[1]!))).to.equal(1);
  });

  it('breaks after a record that was changed and sealed anew', () => {
    const records = chain(5);
    const { hash: _, ...content } = records[2]!;
    expect(findBreak(records.with(2, sealRecord({ ...content, reports: [] })))).to.equal(3);
  });

  it('notices a change of any one field of any record', () => {
    const records = chain(4);
    const fields = Object.keys(records[0]!) as (keyof RoundRecord)[];
    fc.assert(
      fc.property(fc.nat(3), fc.constantFrom(...fields), (index, field) => {
        const changed = { ...records[index]!, [field]: 'another value' };
        expect(findBreak(records.with(index, changed))).to.equal(index);
      }),
    );
  });
});
