import { expect } from 'chai';
import { GroupCommit } from '../../../server/store/group-commit.ts';

describe('writes of one turn of the event loop', () => {
  it('become durable together, in order, and those of the next turn after them', async () => {
    const groups: number[][] = [];
    const commit = new GroupCommit<number>(async (rows) => void groups.push([...rows]));
    await Promise.all([commit.add(1), commit.add(2), commit.add(3)]);
    await commit.add(4);
    expect(groups).to.deep.equal([[1, 2, 3], [4]]);
  });

  it('fail together, and the next group does not suffer from it', async () => {
    let full = true;
    const commit = new GroupCommit<number>(async () => {
      if (full) throw new Error('the disk is full');
    });
    const results = await Promise.allSettled([commit.add(1), commit.add(2)]);
    expect(results.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);
    full = false;
    await commit.add(3);
  });

  it('are written at once where nobody can wait for the end of the turn, and only once', async () => {
    const groups: number[][] = [];
    const commit = new GroupCommit<number>(async (rows) => void groups.push([...rows]));
    const added = commit.add(1);
    commit.flush();
    commit.flush();
    expect(groups).to.deep.equal([[1]]);
    await added;
    await new Promise((resolve) => setImmediate(resolve));
    expect(groups).to.deep.equal([[1]]);
  });
});
