import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { fromHex, toHex } from '../../shared/bytes.ts';
import type { ClientHalf } from '../../shared/secagg/client-half.ts';
import { MaskAdder } from '../../shared/vector/masking.ts';
import { plainAddWords } from '../../shared/vector/plain-masking.ts';
import { fromText, toText } from '../../simulations/bench/secagg-client.ts';
import { launchBrowser, openPage, serveSite, type Site } from '../helpers/browser.ts';
import { Aggregation, randomWords } from '../helpers/secagg.ts';
import { knownAnswers, type SecAggPage } from './pages/secagg.ts';

type Half = Pick<ClientHalf, 'advertise' | 'share' | 'mask' | 'consent' | 'reveal'>;

/** Someone who takes part, here or in the page. */
interface Party {
  readonly identity: Uint8Array;
  readonly half: Half;
  /** What it adds to the sum. */
  readonly input: Uint32Array;
}

/** An entry's module runs here as well; what the page's script leaves on the global object is of no use in Node. */
type Api = { readonly secaggTest: SecAggPage };

describe('secure aggregation in a browser', function () {
  this.timeout(120_000);
  let site: Site | undefined;
  let browser: Browser | null = null;
  let page: Page;
  let check: (() => void) | undefined;

  before(async function () {
    browser = await launchBrowser(this);
    site = await serveSite(['test/browser/pages/secagg.ts']);
    ({ page, check } = await openPage(browser, site.url));
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });
  afterEach(() => check?.());

  /** The client in the page, of which every message crosses the border as text. */
  async function join({ plan, update, round }: Aggregation): Promise<Pick<Party, 'identity' | 'half'>> {
    const identity = await page.evaluate(
      (text) => (globalThis as unknown as Api).secaggTest.join(text),
      toText({ plan, update, round }),
    );
    const step = async (name: Parameters<SecAggPage['step']>[0], message: unknown, vector?: Uint8Array) =>
      fromText(
        await page.evaluate(([one, text]) => (globalThis as unknown as Api).secaggTest.step(one, text), [
          name,
          toText({ message, vector }),
        ] as const),
      ) as never;
    const half: Half = {
      advertise: () => step('advertise', {}),
      share: (message) => step('share', message),
      async mask(message, words) {
        const masked = (await step('mask', message, new Uint8Array(words.buffer))) as { vector: Uint8Array };
        words.set(new Uint32Array(masked.vector.buffer));
      },
      consent: (message) => step('consent', message),
      reveal: (message) => step('reveal', message),
    };
    return { identity: fromHex(identity), half };
  }

  /** One attempt of three clients here and one in the page; `gone` is lost once it has shared. */
  async function aggregate(gone: 'nobody' | 'a client in Node' | 'the page') {
    const aggregation = new Aggregation({
      clients: 3,
      plan: { maxCohort: 4 },
      update: { dimension: 20_000, maxCohort: 4 },
      client: () => ({ isEnrolled: () => true }),
    });
    const { server, sum, plan } = aggregation;
    const parties: Party[] = aggregation.clients.map(({ identity, half, input }) => ({
      identity: identity.publicKey,
      half,
      input,
    }));
    const input = randomWords(sum.length, plan.modulusBits, 'page');
    const inPage: Party = { ...(await join(aggregation)), input };
    parties.splice(1, 0, inPage);
    const place = ({ identity }: Party): number => server.positionOf(identity)!;

    for (const each of parties) server.advert(each.identity, await each.half.advertise());
    const roster = server.closeAdverts();
    for (const each of parties) server.shares(place(each), await each.half.share(roster));
    server.closeShares();
    const lost = { nobody: null, 'a client in Node': parties[0], 'the page': inPage }[gone];
    const staying = parties.filter((each) => each !== lost);
    const expected = new Uint32Array(sum.length);
    for (const each of staying) {
      const words = each.input.slice();
      await each.half.mask(server.deliveryFor(place(each)), words);
      expect(toHex(new Uint8Array(words.buffer, 0, 64))).not.to.equal(toHex(new Uint8Array(each.input.buffer, 0, 64)));
      server.masked(place(each), words);
      plainAddWords(expected, each.input);
    }
    const survivors = server.closeMasked();
    for (const each of staying) server.consent(place(each), await each.half.consent(survivors));
    const asked = server.closeConsents();
    for (const each of staying.filter((one) => asked.includes(place(one)))) {
      server.reveal(place(each), await each.half.reveal(server.unmaskFor(place(each))));
    }
    const { plus, minus, blamed } = await server.unmask();
    new MaskAdder(sum, plan.modulusBits).apply(plus, minus);
    const mask = 2 ** plan.modulusBits - 1;
    return { isExact: sum.every((word, i) => word === (expected[i]! & mask) >>> 0), blamed };
  }

  for (const gone of ['nobody', 'a client in Node', 'the page'] as const) {
    it(`gives the exact sum of a page and three clients in Node when ${gone} is lost on the way`, async () => {
      expect(await aggregate(gone)).to.deep.equal({ isExact: true, blamed: [] });
    });
  }

  it('has the curves of WebCrypto', async () => {
    const curves = await page.evaluate(async () => {
      const key = new Uint8Array(32).fill(9, 0, 1);
      const found = await Promise.allSettled(
        ['Ed25519', 'X25519'].map((name) =>
          crypto.subtle.importKey('raw', key, name, false, name === 'Ed25519' ? ['verify'] : []),
        ),
      );
      return found.map(({ status }) => status);
    });
    expect(curves).to.deep.equal(['fulfilled', 'fulfilled']);
  });

  it('masks, adds and rounds in WebAssembly, with the bits of Node and of the plain reference', async () => {
    const found = await page.evaluate(() => (globalThis as unknown as Api).secaggTest.knownAnswers(true));
    expect(found['isWebAssembly']).to.equal(true);
    expect(found).to.deep.equal(knownAnswers(true));
    expect(found).to.deep.equal(knownAnswers(false));
  });
});
