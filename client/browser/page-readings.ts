import type { Conditions, Readings } from '../conditions.ts';

/** Nobody has touched the page for so long: it is idle. ms */
const idleAfter = 60_000;

// What browsers have beyond the types of the DOM: Chromium alone, at present.
interface Battery extends EventTarget {
  readonly charging: boolean;
  /** 0 to 1 */
  readonly level: number;
}
interface Connection extends EventTarget {
  readonly saveData?: boolean;
  readonly type?: string;
}
type Pressure = 'nominal' | 'fair' | 'serious' | 'critical';
interface PressureWatch {
  observe(source: 'cpu', options: { readonly sampleInterval: number }): Promise<void>;
}
interface Device {
  readonly navigator?: {
    getBattery?(): Promise<Battery>;
    readonly connection?: Connection;
  };
  readonly PressureObserver?: new (seen: (records: readonly { readonly state: Pressure }[]) => void) => PressureWatch;
}

/** What a window can tell of its device and its user. Only what the conditions ask for is looked at. */
export class PageReadings {
  readonly #when: Conditions;
  readonly #changed: () => void;
  #watching: Promise<void> | null = null;
  #battery: Battery | null = null;
  #connection: Connection | null = null;
  #pressure: Pressure | null = null;
  #touchedAt = 0;

  /** @param changed - called when what `read` gives may be another */
  constructor(when: Conditions, changed: () => void) {
    this.#when = when;
    this.#changed = changed;
  }

  async read(): Promise<Readings> {
    this.#watching ??= this.#watch(globalThis as unknown as Device);
    await this.#watching;
    const isMetered = this.#connection?.type === undefined ? null : this.#connection.type === 'cellular';
    return {
      charging: this.#battery?.charging ?? null,
      battery: this.#battery?.level ?? null,
      metered: this.#connection?.saveData === true ? true : isMetered,
      idle: this.#when.idle === true ? performance.now() - this.#touchedAt >= idleAfter : null,
      // Only where the device has begun to slow itself down: training alone makes it busy.
      hot: this.#pressure === null ? null : this.#pressure === 'critical',
    };
  }

  async #watch({ navigator, PressureObserver }: Device): Promise<void> {
    const { charging, minBattery, unmetered, idle, cool } = this.#when;
    if (charging !== undefined || minBattery !== undefined) {
      this.#battery = (await navigator?.getBattery?.().catch(() => null)) ?? null;
      for (const event of ['chargingchange', 'levelchange']) this.#battery?.addEventListener(event, this.#changed);
    }
    if (unmetered !== undefined) {
      this.#connection = navigator?.connection ?? null;
      this.#connection?.addEventListener('change', this.#changed);
    }
    if (idle === true) this.#watchInput();
    if (cool === true && PressureObserver !== undefined) {
      const observer = new PressureObserver((records) => {
        const before = this.#pressure;
        this.#pressure = records.at(-1)?.state ?? null;
        if ((before === 'critical') !== (this.#pressure === 'critical')) this.#changed();
      });
      await observer.observe('cpu', { sampleInterval: 2_000 }).catch(() => {}); // then it cannot tell
    }
  }

  #watchInput(): void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const touched = (): void => {
      const now = performance.now();
      const wasIdle = now - this.#touchedAt >= idleAfter;
      this.#touchedAt = now;
      if (wasIdle) this.#changed();
      clearTimeout(timer);
      timer = setTimeout(this.#changed, idleAfter);
    };
    this.#touchedAt = performance.now();
    timer = setTimeout(this.#changed, idleAfter);
    for (const event of ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart']) {
      addEventListener(event, touched, { passive: true, capture: true });
    }
  }
}
