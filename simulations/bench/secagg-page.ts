import { portable } from '../../shared/crypto/portable.ts';
import { identityFromSeed } from '../../shared/crypto/identity.ts';
import { webPrimitives } from '../../shared/crypto/web.ts';
import { applyMasksInParts } from '../../shared/vector/mask-parts.ts';
import { benchDelta, fromText, replay, type ClientTimes, type Transcript } from './secagg-client.ts';

/** The script of the benchmark's page: does a client's part several times, and says how long it took. */

/** One turn of the page's event loop. */
const pause = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

async function measure(): Promise<ClientTimes[]> {
  const answer = await fetch('/task');
  const { transcript, runs } = fromText(await answer.text()) as { transcript: Transcript; runs: number };
  const { plan, update } = transcript.setup;
  const delta = benchDelta(update.dimension);
  const times: ClientTimes[] = [];
  for (let run = 0; run < runs; run++) {
    times.push(
      await replay(transcript, delta, {
        primitives: webPrimitives(),
        identity: identityFromSeed(portable, transcript.seed),
        applyMasks: (words, plus, minus) => applyMasksInParts(words, plan.modulusBits, plus, minus, { pause }),
        now: () => performance.now(),
      }),
    );
  }
  return times;
}

void measure()
  .catch((thrown: unknown) => ({ error: String(thrown) }))
  .then((result) => fetch('/result', { method: 'POST', body: JSON.stringify(result) }));
