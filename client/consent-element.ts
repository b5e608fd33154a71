import type { ConsentRecord } from './consent.ts';
import type { Inspection } from './inspection.ts';

/**
 * `fedloom/consent-element`: `<fedloom-consent>`, a card that says what is sent, and asks. Importing it defines the element;
 * give it the client: `document.querySelector('fedloom-consent').client = client`.
 *
 * - Slots, each with a text of its own by default: `heading`, the unnamed one (what is sent), `grant`, `decline`, `revoke`.
 * - Custom properties: `--fedloom-ink`, `--fedloom-muted`, `--fedloom-card`, `--fedloom-line`, `--fedloom-accent`,
 *   `--fedloom-on-accent`, `--fedloom-radius`, `--fedloom-font`. Parts: `card`, `heading`, `text`, `status`, `button`.
 * - Event `consent` (ConsentRecord), which bubbles, when the user has decided.
 */

/** What the element needs of a client, in a page or elsewhere. */
export interface ConsentClient extends EventTarget {
  readonly consent: {
    readonly state: 'none' | 'granted' | 'revoked';
    readonly record: ConsentRecord | null;
    load(): Promise<void>;
    grant(text?: string): Promise<void>;
    revoke(): Promise<void>;
  };
  inspect(): Promise<Inspection>;
}

const texts = {
  heading: 'Help to improve this app?',
  paragraphs: [
    'With your consent this device trains a small model on data that is here. The data itself never leaves this device.',
    'Sent, encrypted: how training has changed the numbers of the model, under a random key made for this device, with the ' +
      'name of the software. With secure aggregation the server learns only the sum over many devices; without it, it sees ' +
      "this device's change and the number of examples.",
    'You can stop at any time. The key and everything that was kept here for it are then deleted from this device.',
  ],
  grant: 'Take part',
  decline: 'No, thanks',
  revoke: 'Stop and delete',
  status: {
    none: 'Nothing is sent before you decide.',
    granted: 'You are taking part.',
    revoked: 'You are not taking part; nothing is sent.',
  },
  sent: 'What has been sent so far',
} as const;

const css = `
  :host { display: block; color-scheme: light dark; }
  :host([hidden]) { display: none; }
  section {
    box-sizing: border-box; max-inline-size: 34rem; padding: 1.25rem;
    font: 400 1rem/1.5 var(--fedloom-font, system-ui, sans-serif);
    color: var(--fedloom-ink, light-dark(#111827, #e8edf5));
    background: var(--fedloom-card, light-dark(#fff, #141923));
    border: 1px solid var(--fedloom-line, light-dark(#c9d0db, #3a4456));
    border-radius: var(--fedloom-radius, 12px);
  }
  h2 { margin: 0 0 .5rem; font-size: 1.125rem; line-height: 1.3; }
  p { margin: 0 0 .75rem; }
  [role=status], summary, ul { color: var(--fedloom-muted, light-dark(#4b5566, #a3aec2)); font-size: .9375rem; }
  summary { cursor: pointer; }
  details { margin-block-start: .75rem; }
  ul { margin: .25rem 0 0; padding-inline-start: 1.25rem; font-variant-numeric: tabular-nums; }
  .actions { display: flex; flex-wrap: wrap; gap: .5rem; }
  button {
    font: inherit; padding: .5rem 1rem; border-radius: calc(var(--fedloom-radius, 12px) / 1.5); cursor: pointer;
    color: inherit; background: transparent; border: 1px solid currentColor;
  }
  button.main {
    color: var(--fedloom-on-accent, light-dark(#fff, #0c0f14));
    background: var(--fedloom-accent, light-dark(#1d5fd1, #6aa6ff)); border-color: transparent;
  }
  button:disabled { opacity: .6; cursor: default; }
  :focus-visible { outline: 3px solid var(--fedloom-accent, light-dark(#1d5fd1, #6aa6ff)); outline-offset: 2px; }
  [hidden] { display: none; }
`;

/** A server that renders pages imports this module too, and has no elements. */
const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;

type Child = Node | string;
function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export class FedloomConsent extends Base {
  #client: ConsentClient | null = null;
  readonly #heading = make('slot', { name: 'heading' }, texts.heading);
  readonly #text = make('slot', {}, ...texts.paragraphs.map((each) => make('p', {}, each)));
  readonly #status = make('p', { role: 'status', part: 'status' });
  readonly #grant = this.#button('grant', 'main', (consent) => consent.grant(this.shownText));
  readonly #decline = this.#button('decline', '', (consent) => consent.revoke());
  readonly #revoke = this.#button('revoke', '', (consent) => consent.revoke());
  readonly #list = make('ul');
  readonly #details: HTMLDetailsElement = make('details', {}, make('summary', {}, texts.sent), this.#list);

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet(); // no inline style, for pages whose policy has none
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
    root.append(
      make(
        'section',
        { 'aria-labelledby': 'heading', part: 'card' },
        make('h2', { id: 'heading', part: 'heading' }, this.#heading),
        make('div', { part: 'text' }, this.#text),
        this.#status,
        make('div', { class: 'actions' }, this.#grant, this.#decline, this.#revoke),
        this.#details,
      ),
    );
    this.#details.addEventListener('toggle', () => void this.#showSent());
    this.#show();
  }

  get client(): ConsentClient | null {
    return this.#client;
  }

  set client(client: ConsentClient | null) {
    this.#client?.removeEventListener('consent', this.#changed);
    this.#client?.removeEventListener('round', this.#roundEnded);
    this.#client = client;
    client?.addEventListener('consent', this.#changed);
    client?.addEventListener('round', this.#roundEnded);
    this.#show();
    client?.consent.load().then(
      () => this.#show(),
      (error: unknown) => this.#fail(error),
    );
  }

  /** Heading and text as the user sees them: a hash of it is kept with the consent. */
  get shownText(): string {
    return [this.#heading, this.#text]
      .flatMap((slot) => (slot.assignedNodes().length > 0 ? slot.assignedNodes() : [...slot.childNodes]))
      .map((node) => (node.textContent ?? '').replaceAll(/\s+/g, ' ').trim())
      .filter((text) => text !== '')
      .join('\n');
  }

  readonly #changed = (): void => this.#show();
  readonly #roundEnded = (): void => void this.#showSent();

  #button(
    name: 'grant' | 'decline' | 'revoke',
    kind: string,
    decide: (consent: ConsentClient['consent']) => Promise<void>,
  ): HTMLButtonElement {
    const button = make('button', { type: 'button', part: 'button', class: kind }, make('slot', { name }, texts[name]));
    button.addEventListener('click', () => void this.#decide(decide));
    return button;
  }

  async #decide(decide: (consent: ConsentClient['consent']) => Promise<void>): Promise<void> {
    const { consent } = this.#client!;
    for (const button of [this.#grant, this.#decline, this.#revoke]) button.disabled = true;
    try {
      await decide(consent);
      this.#show();
      this.dispatchEvent(new CustomEvent('consent', { detail: consent.record, bubbles: true, composed: true }));
    } catch (error) {
      this.#show();
      this.#fail(error);
    }
    // The button that was pressed may be gone: whoever uses the keyboard stays where the answer is.
    (this.#grant.hidden ? this.#revoke : this.#grant).focus();
  }

  #show(): void {
    const state = this.#client?.consent.state ?? 'none';
    this.#status.textContent = texts.status[state];
    this.#grant.hidden = state === 'granted';
    this.#decline.hidden = state !== 'none';
    this.#revoke.hidden = state !== 'granted';
    this.#details.hidden = state !== 'granted';
    for (const button of [this.#grant, this.#decline, this.#revoke]) button.disabled = this.#client === null;
  }

  #fail(error: unknown): void {
    this.#status.textContent = error instanceof Error ? error.message : String(error);
  }

  async #showSent(): Promise<void> {
    if (!this.#details.open || this.#client === null) return;
    const { sent, update } = await this.#client.inspect();
    const lines = sent.map(({ message, count, bytes }) => `${message}: ${count} times, ${bytes} bytes`);
    if (update !== null) {
      const { encoding, norm, tensors, examples } = update;
      const shapes = tensors.map(({ shape }) => shape.join(' × ')).join(', ');
      lines.push(
        `newest update, round ${update.round}, ${encoding}: ${shapes}; of ${examples.count} examples; ` +
          `size of the change ${norm.before.toPrecision(3)}, sent as ${norm.after.toPrecision(3)}`,
      );
    }
    this.#list.replaceChildren(...lines.map((line) => make('li', {}, line)));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'fedloom-consent': FedloomConsent;
  }
}

if ('customElements' in globalThis && customElements.get('fedloom-consent') === undefined) {
  customElements.define('fedloom-consent', FedloomConsent);
}
