import { expect } from 'chai';
import { BlobFetcher } from '../../client/blob-fetcher.ts';
import type { ClientPlatform } from '../../client/platform.ts';
import { toHex } from '../../shared/bytes.ts';
import { FederatedError, type ErrorCode } from '../../shared/errors.ts';
import { codeOfLater, native } from '../helpers/primitives.ts';

const model = Uint8Array.of(1, 2, 3, 4);
const sha256 = toHex(native.sha256(model));
const { signal } = new AbortController();

/** A fetcher whose waits are over at once, and what it does with each try: a code to fail with, or null for the model. */
function fetcherThat(download: (token: string) => ErrorCode | null) {
  const tokens: string[] = [];
  const fetcher = new BlobFetcher(
    {
      primitives: native,
      clock: {
        now: () => 0,
        steady: () => 0,
        after: (_ms: number, run: () => void) => (queueMicrotask(run), () => {}),
      },
      download: async (_url: string, { token }: { readonly token: string }) => {
        tokens.push(token);
        const code = download(token);
        if (code !== null) throw new FederatedError(code, 'no');
        return model;
      },
    } as unknown as ClientPlatform,
    'http://127.0.0.1:1',
  );
  return { fetcher, tokens };
}

describe('the download of a model', () => {
  it('is tried four times where another try may mend it, and once where none can', async () => {
    for (const [code, times] of [
      ['CONNECTION_LOST', 4],
      ['NOT_AUTHORISED', 4],
      ['NOT_FOUND', 1],
    ] as const) {
      const { fetcher, tokens } = fetcherThat(() => code);
      expect(await codeOfLater(() => fetcher.fetch(sha256, 4, signal))).to.equal(code);
      expect(tokens).to.have.length(times);
    }
  });

  it('has all its tries again when a new session begins meanwhile: the server was away, and is back', async () => {
    const { fetcher, tokens } = fetcherThat((token) => {
      if (token === 'new' && tokens.length === 8) return null;
      if (tokens.length === 4) fetcher.token = 'new';
      return token === 'old' ? 'NOT_AUTHORISED' : 'CONNECTION_LOST';
    });
    fetcher.token = 'old';
    expect(await fetcher.fetch(sha256, 4, signal)).to.deep.equal(model);
    expect(tokens).to.deep.equal([...Array<string>(4).fill('old'), ...Array<string>(4).fill('new')]);
  });

  it('happens once for one model', async () => {
    const { fetcher, tokens } = fetcherThat(() => null);
    for (let i = 0; i < 3; i++) expect(await fetcher.fetch(sha256, 4, signal)).to.deep.equal(model);
    expect(tokens).to.have.length(1);
  });

  it('is refused when it is longer or another than was announced', async () => {
    const { fetcher } = fetcherThat(() => null);
    expect(await codeOfLater(() => fetcher.fetch(sha256, 5, signal))).to.equal('BLOB_MISMATCH');
    expect(await codeOfLater(() => fetcher.fetch('0'.repeat(64), 4, signal))).to.equal('BLOB_MISMATCH');
  });
});
