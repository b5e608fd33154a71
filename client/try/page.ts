import { FederatedError } from '../../shared/errors.ts';
import type { Task } from '../../shared/tasks/task.ts';
import { sizeOf } from '../../shared/weights.ts';
import { FederatedClient, type RoundOutcome, type StateDetail } from '../browser.ts';
import { FedloomConsent } from '../consent-element.ts';
import { side, toDigit } from './digit.ts';
import { guessesOf, OwnDigits } from './own-digits.ts';
import { Pad } from './pad.ts';
import { Predictor } from './predictor.ts';

/** `/try`: a visitor draws digits and trains on them in this tab, in the federation that the server of this page runs. */

const element = <T extends HTMLElement = HTMLElement>(id: string): T => document.getElementById(id) as T;
const say = (id: string, text: string): void => {
  element(id).textContent = text;
};
const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/** The join link: `/try/#<fingerprint>.<join code>`. What stands behind # never leaves the browser. */
function linkOf({ origin, hash }: Location): string | null {
  return hash.length > 1 ? `${origin}/${hash}` : null;
}

const digits = new OwnDigits(element('mine'));
const predictor = new Predictor();
const pad = new Pad(element<HTMLCanvasElement>('pad'), () => void think());
let client: FederatedClient | null = null;
let right = 0;

/** @throws FederatedError BAD_DATA when the federation does not train on pictures of digits */
function examplesFor({ data, name }: Task): { xs: Float32Array; ys: Int32Array } {
  const { features, labels } = data;
  if (sizeOf(features) === side * side && 'classes' in labels && labels.classes === 10) return digits.examples();
  throw new FederatedError(
    'BAD_DATA',
    `this page draws digits of 28 x 28, and the federation trains ${name}, whose examples are [${features.join(', ')}]`,
  );
}

// Drawing.

async function think(): Promise<void> {
  const digit = toDigit(pad.ink());
  const list = element('chances');
  if (digit === null) {
    list.replaceChildren();
    say('thinks', 'Draw a digit here.');
    return;
  }
  const chances = await predictor.predict(digit, 1);
  if (chances === null) {
    say('thinks', 'The shared model comes when you take part.');
    return;
  }
  const [guess] = guessesOf(chances, 1);
  say('thinks', `The shared model sees a ${guess}.`);
  list.replaceChildren(...Array.from(chances, (chance, i) => bar(i, chance)));
}

function bar(digit: number, chance: number): HTMLElement {
  const item = document.createElement('li');
  const meter = document.createElement('meter');
  meter.value = chance;
  meter.setAttribute('aria-label', `chance of a ${digit}`);
  const percent = document.createElement('span');
  percent.className = 'percent';
  percent.textContent = `${Math.round(100 * chance)} %`;
  item.append(String(digit), meter, percent);
  return item;
}

function label(digit: number): void {
  const values = toDigit(pad.ink());
  if (values === null) return say('thinks', 'Draw a digit first.');
  digits.add(values, digit);
  pad.clear();
  void showDigits();
}

async function showDigits(): Promise<void> {
  const { xs, count } = digits.examples();
  element('forget').hidden = count === 0;
  if (count === 0) return say('mine-text', 'None yet. Draw a digit, then say which one it is.');
  const chances = await predictor.predict(xs, count);
  right = chances === null ? 0 : digits.mark(guessesOf(chances, count));
  const known = chances === null ? '' : `; the shared model has ${right} of them right`;
  say('mine-text', `${count === 1 ? 'One digit' : `${count} digits`}${known}.`);
}

// Taking part.

function showState({ message, state }: StateDetail): void {
  say('state', message);
  element('progress').hidden = state !== 'training';
}

function showRound({ round, result, counted }: RoundOutcome): void {
  const item = document.createElement('li');
  const part = counted ? 'your part counted' : 'your part did not count';
  const own = digits.count === 0 ? '' : ` · ${right} of ${digits.count} of your digits right`;
  item.textContent = `Round ${round}: ${result}, ${part}${own}`;
  element('rounds').prepend(item);
}

async function useNewestModel(): Promise<void> {
  const model = await client!.model().catch(() => null);
  if (model === null) return;
  predictor.use(model.task, model.weights);
  await Promise.all([think(), showDigits()]);
}

async function showSent(): Promise<void> {
  const { sent, bytesSent, update } = await client!.inspect();
  const row = (name: string, value: string): HTMLElement => {
    const line = document.createElement('tr');
    const head = document.createElement('th');
    head.scope = 'row';
    head.textContent = name;
    const cell = document.createElement('td');
    cell.textContent = value;
    line.append(head, cell);
    return line;
  };
  const number = new Intl.NumberFormat('en');
  element('sent').replaceChildren(
    row('Everything, sealed', `${number.format(bytesSent)} bytes`),
    ...sent.map(({ message, count, bytes }) => row(message, `${count} × · ${number.format(bytes)} bytes`)),
  );
  say('sent-text', sentenceOf(update));
}

function sentenceOf(update: Awaited<ReturnType<FederatedClient['inspect']>>['update']): string {
  const never = 'Never your drawings.';
  if (update === null) return `${never} Nothing of a model has been sent yet.`;
  const size = `how training changed the ${update.tensors.length} tensors of the model`;
  return update.encoding === 'masked'
    ? `${never} Sent is ${size}, masked: the server can open the sum over all clients only, not this one.`
    : `${never} Sent is ${size}. This federation runs without secure aggregation: the server sees this change by itself.`;
}

async function takePart(link: string): Promise<void> {
  client = new FederatedClient({
    url: link,
    data: ({ task }) => examplesFor(task),
    liveData: true,
    checkEvery: 1_000,
    stay: true,
    label: 'a visitor',
    database: 'fedloom-try',
  });
  element('join').hidden = true;
  element('work').hidden = false;
  const consent = new FedloomConsent();
  consent.client = client;
  element('consent').append(consent);
  client.addEventListener('state', (event) => showState((event as CustomEvent<StateDetail>).detail));
  client.addEventListener('problem', (event) =>
    say('problem', (event as CustomEvent<{ message: string }>).detail.message),
  );
  say('sent-text', sentenceOf(null));
  await useNewestModel(); // of an earlier visit
  try {
    for await (const outcome of client.join()) {
      await useNewestModel();
      showRound(outcome);
      await showSent();
    }
  } catch (thrown) {
    say('problem', messageOf(thrown));
  }
}

function start(): void {
  for (let digit = 0; digit < 10; digit++) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = String(digit);
    button.setAttribute('aria-label', `This is a ${digit}`);
    button.addEventListener('click', () => label(digit));
    element('labels').append(button);
  }
  element('clear').addEventListener('click', () => pad.clear());
  element('forget').addEventListener('click', () => {
    digits.removeLast();
    void showDigits();
  });
  const picture = element<HTMLInputElement>('picture');
  picture.addEventListener('change', () => {
    const file = picture.files?.[0];
    picture.value = '';
    if (file !== undefined)
      pad.show(file).catch(() => say('problem', 'This file is no picture that the browser can read.'));
  });
  document.addEventListener('keydown', ({ key, target, ctrlKey, metaKey, altKey }) => {
    if (ctrlKey || metaKey || altKey || target instanceof HTMLInputElement) return;
    if (/^\d$/.test(key)) label(Number(key));
  });
  element('join-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const link = element<HTMLInputElement>('link').value.trim();
    takePart(link).catch((thrown: unknown) => say('link-problem', messageOf(thrown)));
  });
  const link = linkOf(location);
  void think();
  if (link === null) element('join').hidden = false;
  else takePart(link).catch((thrown: unknown) => say('problem', messageOf(thrown)));
}

start();
