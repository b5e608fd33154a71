import { expect } from 'chai';
import fc from 'fast-check';
import { FederatedError } from '../../../shared/errors.ts';
import { examplesNamed, examplesOf, groupBy, partOf, pickGrouping } from '../../../simulations/datasets/groups.ts';

describe('partOf', () => {
  it('cuts all numbers into disjoint parts of equal size', () => {
    const parts = Array.from({ length: 7 }, (_, part) => [...partOf(['x'], 100, { part, parts: 7 })]);
    expect(parts.flat().toSorted((a, b) => a - b)).to.deep.equal(Array.from({ length: 100 }, (_, i) => i));
    for (const part of parts) expect(part.length).to.be.within(14, 15);
    expect(parts[0]).not.to.deep.equal(parts[0]!.toSorted((a, b) => a - b));
  });
});

describe('a grouping', () => {
  const speakers = groupBy(['Romeo', 'Juliet', 'Romeo', 'Nurse']);

  it('names each example, in order of first appearance', () => {
    expect(speakers).to.deep.equal({ names: ['Romeo', 'Juliet', 'Nurse'], index: Uint32Array.of(0, 1, 0, 2) });
  });

  it('finds the examples of a name, or says which names are like it', () => {
    expect([...examplesNamed(speakers, 'Romeo', 'play: client')]).to.deep.equal([0, 2]);
    expect([...examplesOf(speakers, [2, 1])]).to.deep.equal([1, 3]);
    expect(() => examplesNamed(speakers, 'juli', 'play: client'))
      .to.throw(FederatedError, /play: client has no "juli"; it has 3, among them "Juliet"$/)
      .with.property('code', 'NOT_FOUND');
  });

  it('forgets the names of examples that are left out', () => {
    expect(pickGrouping(speakers, Uint32Array.of(3, 2))).to.deep.equal({
      names: ['Romeo', 'Nurse'],
      index: Uint32Array.of(1, 0),
    });
  });

  it('says the same of each example, whichever are picked', () => {
    const keys = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 });
    fc.assert(
      fc.property(keys, fc.array(fc.nat()), (names, picks) => {
        const chosen = Uint32Array.from(picks, (pick) => pick % names.length);
        const picked = pickGrouping(groupBy(names), chosen);
        const found = Array.from(picked.index, (number) => picked.names[number]);
        expect(found).to.deep.equal(Array.from(chosen, (example) => names[example]));
        expect(picked.names).to.have.length(new Set(found).size);
      }),
    );
  });
});
