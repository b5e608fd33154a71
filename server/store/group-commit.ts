/**
 * Gathers the writes of one turn of the event loop into one transaction. A disk takes as long for a hundred of them as for
 * one, and the loop stands still meanwhile: a burst of new clients would else wait for one flush of the disk each.
 */
export class GroupCommit<Row> {
  readonly #write: (rows: readonly Row[]) => Promise<void>;
  #rows: Row[] = [];
  /** Of the rows gathered now. */
  #written: Promise<void> | null = null;
  #flushNow: () => void = () => {};

  /** @param write - makes all rows durable, in order, or none */
  constructor(write: (rows: readonly Row[]) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when the row is durable; rejects, for every row of its group, when it is not. */
  add(row: Row): Promise<void> {
    this.#rows.push(row);
    this.#written ??= new Promise((resolve, reject) => {
      const flush = (): void => {
        clearImmediate(soon);
        const rows = this.#rows;
        this.#rows = [];
        this.#written = null;
        this.#write(rows).then(resolve, reject);
      };
      const soon = setImmediate(flush);
      this.#flushNow = flush;
    });
    return this.#written;
  }

  /** Writes what is gathered now, without waiting for the turn to end. */
  flush(): void {
    if (this.#written !== null) this.#flushNow();
  }
}
