/** The parts of a runtime that let other work run at once; a timer would wait a millisecond or more. */
interface Runtime {
  /** Node */
  readonly setImmediate?: (run: () => void) => unknown;
  /** Browsers */
  readonly MessageChannel?: new () => {
    readonly port1: { onmessage: (() => void) | null; close(): void };
    readonly port2: { postMessage(message: null): void };
  };
}

/** Lets the thread see messages, an abort, or a user before it goes on. */
export const pause = (): Promise<void> =>
  new Promise((resolve) => {
    const { setImmediate, MessageChannel } = globalThis as Runtime;
    if (setImmediate !== undefined) {
      setImmediate(resolve);
    } else if (MessageChannel !== undefined) {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(null);
    } else {
      setTimeout(resolve);
    }
  });
