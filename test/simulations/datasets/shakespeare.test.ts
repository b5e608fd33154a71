import { expect } from 'chai';
import { FederatedError } from '../../../shared/errors.ts';
import { decodeText, encodeText, vocabularySize } from '../../../simulations/datasets/characters.ts';
import { select } from '../../../simulations/datasets/loaded.ts';
import { parseRoles, parseSpeeches, windowsOf } from '../../../simulations/datasets/shakespeare.ts';

describe('the characters', () => {
  it('are 90: one for what is unknown, the line end, and printable ASCII less seven', () => {
    expect(vocabularySize).to.equal(90);
    const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('');
    expect(decodeText(encodeText(ascii)).replaceAll(/[?]/g, '')).to.equal(ascii.replaceAll(/[\\^`{|}~?]/g, ''));
    expect([...encodeText('\n \u0085')]).to.deep.equal([1, 2, 0]);
  });

  it('come back as they went', () => {
    const text = 'O Romeo, Romeo! wherefore art thou Romeo?\nDeny thy father and refuse thy name [aside] -- 1597';
    expect(decodeText(encodeText(text))).to.equal(text);
  });
});

describe('parseSpeeches', () => {
  it('gives each speaker the lines of all his speeches', () => {
    const text = 'ROMEO:\nHere.\n\nALL:\n\n\nNurse:\nAnon!\nI come.\n\nROMEO:\nGone.\n';
    expect(parseSpeeches(text, 'x')).to.deep.equal([
      { name: 'ROMEO', speeches: ['Here.', 'Gone.'] },
      { name: 'Nurse', speeches: ['Anon!\nI come.'] },
    ]);
  });

  it('refuses a block without a speaker', () => {
    expect(() => parseSpeeches('Hello\nyou', 'x')).to.throw(FederatedError, /expected "SPEAKER:", got "Hello"/);
  });
});

describe('parseRoles', () => {
  it('reads a role a line', () => {
    expect(parseRoles('{"play":"Macbeth","role":"MACBETH","speeches":["So foul","and fair"]}\n', 'x')).to.deep.equal([
      { name: 'Macbeth: MACBETH', speeches: ['So foul', 'and fair'] },
    ]);
  });

  for (const line of ['{', '7', 'null', '{"play":"a","role":"b"}', '{"play":"a","role":"b","speeches":[1]}']) {
    it(`refuses ${line}`, () =>
      expect(() => parseRoles(line, 'x'))
        .to.throw(FederatedError)
        .with.property('code', 'BAD_FILE'));
  }
});

describe('windowsOf', () => {
  const long = 'ab'.repeat(244); // 488 characters: 6 windows of 80, and a label more
  const voices = [
    { name: 'LONG', speeches: [long.slice(0, 200), long.slice(201)] }, // 488 with the line end between them
    { name: 'ONE', speeches: ['x'.repeat(81)] },
    { name: 'SHORT', speeches: ['y'.repeat(80)] },
  ];
  const train = select(windowsOf('play', voices, 'train'), null);
  const test = select(windowsOf('play', voices, 'test'), null);

  it('keeps the last fifth of each client for tests, and one window alone for training', () => {
    expect([train.count, test.count]).to.deep.equal([5, 2]); // 4 + 1 of 6, 1 and 0 windows; ceil(6 / 5) = 2 for tests
    expect(train.clients).to.deep.equal({ names: ['LONG', 'ONE'], index: Uint32Array.of(0, 0, 0, 0, 1) });
    expect(test.clients!.names).to.deep.equal(['LONG']);
  });

  it('asks at each place for the character that follows', () => {
    const text = encodeText(voices[0]!.speeches.join('\n'));
    expect([...train.xs.subarray(0, 320)]).to.deep.equal([...text.subarray(0, 320)]);
    expect([...train.ys.subarray(0, 320)]).to.deep.equal([...text.subarray(1, 321)]);
    expect([...test.xs]).to.deep.equal([...text.subarray(320, 480)]);
    expect([...test.ys]).to.deep.equal([...text.subarray(321, 481)]);
    expect(train.features).to.deep.equal([80]);
    expect([train.classes, train.vocabulary]).to.deep.equal([90, 90]);
  });

  it('gives any of them in any order', () => {
    const taken = windowsOf('play', voices, 'train').take(Uint32Array.of(4, 1));
    expect(decodeText(taken.xs.subarray(0, 80))).to.equal('x'.repeat(80));
    expect(taken.xs.subarray(80)).to.deep.equal(train.xs.subarray(80, 160));
  });
});
