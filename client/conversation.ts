import { toHex } from '../shared/bytes.ts';
import type { Primitives, RandomBytes } from '../shared/crypto/primitives.ts';
import type { ClientMessage, MessageOf } from '../shared/protocol/messages.ts';
import type { ClientHalf } from '../shared/secagg/client-half.ts';
import { pack } from '../shared/updates/pack.ts';
import type { Job, SecureQuestion } from './session/types.ts';

type SecureAnswer = MessageOf<ClientMessage, 'advert' | 'shares' | 'consent' | 'reveal'>;

/** What to do next: send an answer, or upload the masked update. */
export type SecureStep = { readonly send: SecureAnswer } | { readonly upload: Uint8Array; readonly bytes: Uint8Array };

export interface ConversationOptions {
  readonly half: ClientHalf;
  readonly job: Job;
  /** The update as words of the sum: called once, when they are to be masked. */
  readonly words: () => Uint32Array;
  readonly modulusBits: number;
  readonly primitives: Pick<Primitives, 'sha256'>;
  readonly randomBytes: RandomBytes;
}

/** One attempt with secure aggregation: the client's half, and the answers given so far, for a server that asks again after a cut. */
export class Conversation {
  readonly #half: ClientHalf;
  readonly #job: Job;
  readonly #modulusBits: number;
  readonly #primitives: Pick<Primitives, 'sha256'>;
  readonly #randomBytes: RandomBytes;
  #words: (() => Uint32Array) | null;
  /** By kind of question: which one it was, and its answer; null once that is not to be given again. */
  readonly #answered = new Map<
    SecureQuestion['type'],
    { readonly question: string; readonly step: Promise<SecureStep> | null }
  >();
  #last: Promise<SecureStep> | null = null;

  constructor({ half, job, words, modulusBits, primitives, randomBytes }: ConversationOptions) {
    this.#half = half;
    this.#job = job;
    this.#words = words;
    this.#modulusBits = modulusBits;
    this.#primitives = primitives;
    this.#randomBytes = randomBytes;
  }

  isAbout({ run, round, attempt }: Job): boolean {
    return this.#job.run === run && this.#job.round === round && this.#job.attempt === attempt;
  }

  /** The newest answer up to the masked update. */
  get last(): Promise<SecureStep> | null {
    return this.#last;
  }

  begin(): Promise<SecureStep> {
    this.#last = this.#half.advertise().then((advert) => ({ send: { type: 'advert', ...this.#where(), ...advert } }));
    return this.#last;
  }

  /** The same question again has the same answer; what is revealed is revealed once. */
  answer(question: SecureQuestion): Promise<SecureStep> {
    const { type } = question;
    const name = this.#nameOf(question);
    const known = this.#answered.get(type);
    if (known?.question === name && known.step !== null) return known.step;
    const step = this.#ask(question);
    if (known !== undefined) return step; // which the half refuses
    this.#answered.set(type, { question: name, step });
    if (type === 'roster' || type === 'delivery') this.#last = step;
    if (type === 'unmask') {
      const close = (): void => void this.#answered.set(type, { question: name, step: null });
      step.then(close, close);
    }
    return step;
  }

  /** Overwrites the secrets; what is being worked on comes to nothing. */
  end(): void {
    this.#half.abandon();
    this.#words = null;
  }

  async #ask(question: SecureQuestion): Promise<SecureStep> {
    const where = this.#where();
    switch (question.type) {
      case 'roster':
        return { send: { type: 'shares', ...where, ...(await this.#half.share(bodyOf(question))) } };
      case 'delivery':
        return this.#mask(bodyOf(question));
      case 'survivors':
        return { send: { type: 'consent', ...where, ...(await this.#half.consent(bodyOf(question))) } };
      case 'unmask':
        return { send: { type: 'reveal', ...where, ...(await this.#half.reveal(bodyOf(question))) } };
      default:
        return question satisfies never;
    }
  }

  async #mask(delivery: Parameters<ClientHalf['mask']>[0]): Promise<SecureStep> {
    const words = this.#words?.() ?? new Uint32Array(0); // none for a second time, which the half refuses
    this.#words = null;
    try {
      await this.#half.mask(delivery, words);
    } catch (thrown) {
      words.fill(0); // not masked, or not wholly
      throw thrown;
    }
    return { upload: this.#randomBytes(16), bytes: pack(words, this.#modulusBits) };
  }

  #where(): { run: string; round: number; attempt: number } {
    const { run, round, attempt } = this.#job;
    return { run, round, attempt };
  }

  /** All its fields, bytes as their hash: to tell whether it is the same as another. */
  #nameOf(question: SecureQuestion): string {
    const { sha256 } = this.#primitives;
    return Object.entries(question)
      .map(([field, value]) => `${field}=${value instanceof Uint8Array ? toHex(sha256(value)) : String(value)}`)
      .join();
  }
}

/** A question without what names it. */
function bodyOf<Q extends SecureQuestion>(question: Q): Omit<Q, 'type' | 'run' | 'round' | 'attempt'> {
  const { type: _, run: __, round: ___, attempt: ____, ...body } = question;
  return body;
}
