import { expect } from 'chai';
import fc from 'fast-check';
import { newJoinCode, normaliseJoinCode } from '../../../shared/protocol/join-code.ts';
import { formatLink, parseLink } from '../../../shared/protocol/link.ts';
import { codeOf } from '../../helpers/primitives.ts';

const fingerprint = 'If4x36FUomFia_hUBG_SJw';
const joinCode = '0123-4567-89AB-CDEF';

describe('a join link', () => {
  it('names host, port, key and code', () => {
    expect(formatLink({ host: '10.0.0.7', port: 7_400, fingerprint, joinCode })).to.equal(
      `fedloom://10.0.0.7:7400/#${fingerprint}.${joinCode}`,
    );
    expect(formatLink({ host: 'fl.example.org', port: 443, fingerprint, secure: true })).to.equal(
      `fedlooms://fl.example.org:443/#${fingerprint}`,
    );
    expect(formatLink({ host: '::1', port: 80, fingerprint })).to.equal(`fedloom://[::1]:80/#${fingerprint}`);
  });

  it('gives back what went in', () =>
    fc.assert(
      fc.property(
        fc.constantFrom('localhost', '192.168.1.20', 'a.example', '::1', 'fe80::1:2'),
        fc.integer({ min: 1, max: 65_535 }).filter((port) => port !== 80 && port !== 443),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.boolean(),
        (host, port, random, secure) => {
          const code = newJoinCode(random);
          const where = `${host.includes(':') ? `[${host}]` : host}:${port}`;
          expect(parseLink(formatLink({ host, port, fingerprint, joinCode: code, secure }))).to.deep.equal({
            socketUrl: `ws${secure ? 's' : ''}://${where}/v1`,
            httpUrl: `http${secure ? 's' : ''}://${where}`,
            fingerprint,
            joinCode: code,
          });
        },
      ),
    ));

  it('may be a plain address of the server in any of its schemes', () => {
    const plain = { socketUrl: 'ws://h:7400/v1', httpUrl: 'http://h:7400' };
    for (const text of [
      'fedloom://h:7400',
      'ws://h:7400/v1',
      'http://h:7400/',
      'HTTP://H:7400/v1/',
      ' ws://h:7400 \n',
    ]) {
      expect(parseLink(text)).to.deep.equal(plain);
    }
    const secure = { socketUrl: 'wss://h/v1', httpUrl: 'https://h' };
    for (const text of ['fedlooms://h', 'wss://h/v1', 'https://h/', 'https://h:443/#']) {
      expect(parseLink(text)).to.deep.equal(secure);
    }
  });

  it('takes a code however it is written', () => {
    expect(parseLink(`ws://h/#${fingerprint}.olil456789abcdef`).joinCode).to.equal('0111-4567-89AB-CDEF');
  });

  it('is refused with a word on what is expected, and without telling its secret', () => {
    const bad = [
      '',
      'h:7400',
      '//h',
      'ftp://h/',
      'javascript://h/',
      'constructor://h/',
      'fedloom://',
      'fedloom:///#',
      'ws://h:99999',
      'ws://h:x',
      'ws://[::1',
      'ws://h/other',
      'ws://h/v2',
      'ws://h/?x=1',
      'ws://user@h/',
      'ws://:pass@h/',
      'ws://a b/',
      `ws://h/#${fingerprint.slice(1)}`,
      `ws://h/#${fingerprint}x`,
      `ws://h/#${fingerprint}.`,
      `ws://h/#${fingerprint}.${joinCode}-0`,
      `ws://h/#${fingerprint}.UUUU-UUUU-UUUU-UUUU`,
      `ws://h/#.${joinCode}`,
      `ws://h/${'x'.repeat(600)}`,
    ];
    for (const text of bad)
      expect(
        codeOf(() => parseLink(text)),
        text,
      ).to.equal('BAD_LINK');
    expect(() => parseLink(`ws://h/other#${fingerprint}.${joinCode}`)).to.throw(/^link: expected fedloom:(?!.*0123)/);
  });
});

describe('a join code', () => {
  it('has sixteen digits of Crockford base 32, five random bits each', () => {
    expect(newJoinCode(Uint8Array.from({ length: 16 }, (_, i) => i))).to.equal('0123-4567-89AB-CDEF');
    expect(newJoinCode(Uint8Array.from({ length: 16 }, (_, i) => 255 - i))).to.equal('ZYXW-VTSR-QPNM-KJHG');
  });

  it('has one form, however people write it', () => {
    for (const text of ['0123456789abcdef', 'oi23 4567 89ab cdef', 'O-L-2-3-4567-89AB-CDEF', '0123-4567-89AB-CDEF']) {
      expect(normaliseJoinCode(text)).to.equal('0123-4567-89AB-CDEF');
    }
    for (const text of [
      '',
      '0123',
      '0123-4567-89AB-CDEFG',
      '0123-4567-89AB-CDEU',
      '0123-4567-89AB-CDE!',
      'ß'.repeat(8),
    ]) {
      expect(
        codeOf(() => normaliseJoinCode(text)),
        text,
      ).to.equal('BAD_LINK');
    }
  });
});
