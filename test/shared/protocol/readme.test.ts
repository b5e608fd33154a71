import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { toHex } from '../../../shared/bytes.ts';
import { errorCodes } from '../../../shared/errors.ts';
import { defaultLimits, maxBufferedChunks, maxFragments, maxFramesPerKey } from '../../../shared/protocol/limits.ts';
import { clientMessages, serverMessages } from '../../../shared/protocol/messages.ts';
import { waitReasons } from '../../../shared/states.ts';
import { implementations } from '../../helpers/primitives.ts';
import { exampleSession } from '../../vectors/session.ts';

const readme = readFileSync(new URL('../../../shared/protocol/README.md', import.meta.url), 'utf8');

/** The text between a heading and the next one. */
function section(heading: string): string {
  const start = readme.indexOf(`\n## ${heading}\n`);
  expect(start, heading).to.be.greaterThan(0);
  const end = readme.indexOf('\n## ', start + 1);
  return readme.slice(start, end < 0 ? undefined : end);
}

/** The cells of each table row of a text, without heads and rules. */
const rows = (text: string): string[][] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[ :|-]+\|$/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );

describe("the protocol's README", () => {
  for (const primitives of implementations) {
    it(`has examples that are what the code gives on the ${primitives.name} primitives`, async () => {
      const written = [...readme.matchAll(/```hex ([^\n]+)\n([0-9a-f\n]+)```/g)];
      const inReadme = Object.fromEntries(written.map(([, name, hex]) => [name!, hex!.replaceAll('\n', '')]));
      expect(written.length).to.be.greaterThan(10);
      const session = await exampleSession(primitives);
      for (const [name, bytes] of Object.entries(session)) expect(inReadme[name], name).to.equal(toHex(bytes));
      const others = Object.keys(inReadme).filter((name) => !Object.hasOwn(session, name));
      const expected = primitives.suites.includes('aes-256-gcm')
        ? []
        : ['aes-256-gcm, message 0', 'aes-256-gcm, message 1'];
      expect(others).to.deep.equal(expected);
    });
  }

  for (const [heading, table] of [
    ['Messages of the client', clientMessages],
    ['Messages of the server', serverMessages],
  ] as const) {
    it(`names every message and field under "${heading}"`, () => {
      const fields: Record<string, string[]> = {};
      let message = '';
      for (const [type, field] of rows(section(heading)).slice(1)) {
        message = type === '' ? message : type!;
        fields[message] ??= [];
        if (field !== '') fields[message]!.push(field!);
      }
      const inCode = Object.entries(table).map(([type, { entries }]) => [
        type,
        Object.entries<{ type: string }>(entries)
          .filter(([field]) => field !== 'type')
          .map(([field, schema]) => (schema.type === 'optional' ? `${field}?` : field)),
      ]);
      expect(fields).to.deep.equal(Object.fromEntries(inCode));
    });
  }

  it('names every reason to wait', () => {
    const text = /Reasons: ([^.]+)\./.exec(section('Messages of the server'))![1]!;
    expect([...text.matchAll(/`([a-z-]+)`/g)].map(([, reason]) => reason)).to.deep.equal(Object.keys(waitReasons));
  });

  it('names every limit with its value', () => {
    const inReadme = Object.fromEntries(
      rows(section('Limits'))
        .slice(1)
        .map(([limit, value]) => [limit!, Number(value)]),
    );
    expect(inReadme).to.deep.equal({ ...defaultLimits, maxFramesPerKey, maxFragments, maxBufferedChunks });
  });

  it('names every error with its close code', () => {
    const inReadme = rows(section('Errors'))
      .filter(([code]) => code !== 'code')
      .map(([code, ...cells]) =>
        cells.length === 3
          ? [code, { retry: cells[1] === 'yes', close: Number(cells[0]) }]
          : [code, { retry: cells[0] === 'yes', close: null }],
      );
    expect(Object.fromEntries(inReadme)).to.deep.equal(errorCodes);
  });
});
