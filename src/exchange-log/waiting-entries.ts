// Entries that wait to be stored, in batches: made from exchanges at a few hundred nanoseconds each, bounded in all and for each container.
import type { EntryBatch, EntryKind, EntryPlace } from "./entry-batch.ts";
import { EntryColumns } from "./entry-columns.ts";
import type { LoggedExchange } from "./log-entry.ts";

/** Entries that may wait: some 30 MB. */
export const waitingMax = 65_536;
/** Of those, of one container and kind. */
export const waitingOfOneMax = waitingMax / 4;
/** Of those, for containers that are not there. */
export const waitingUnroutedMax = 64;
/** Entries of a batch: one takes some 0.3 ms to be made. */
const BATCH_ROWS_MAX = 1_024;

/** Whose entries wait, and how many of them. */
interface Waiting {
  readonly place: EntryPlace;
  rows: number;
}

export class WaitingEntries {
  readonly #max: number;
  readonly #ofOneMax: number;
  #waiting = nothing();
  #columns = new EntryColumns();
  #batches: EntryBatch[] = [];
  #rows = 0;
  #unrouted = 0;

  /** `writers`: others that have as much room each; all of them together have `waitingMax`. */
  constructor(writers = 1) {
    this.#max = Math.ceil(waitingMax / writers);
    this.#ofOneMax = Math.ceil(waitingOfOneMax / writers);
  }

  /** Entries that wait. */
  get size(): number {
    return this.#rows;
  }

  /** False when there is no room for it. */
  add(kind: EntryKind, project: string, container: string, exchange: LoggedExchange): boolean {
    if (this.#rows >= this.#max) return false;
    if (kind === "unrouted" && this.#unrouted >= waitingUnroutedMax) return false;
    const waiting = this.#waitingOf(kind, project, container);
    if (waiting.rows >= this.#ofOneMax) return false;
    if (kind === "unrouted") this.#unrouted++;
    waiting.rows++;
    this.#rows++;
    this.#columns.add(waiting.place, exchange);
    if (this.#columns.rows === BATCH_ROWS_MAX) this.#seal();
    return true;
  }

  /** All that waits; nothing waits afterwards. */
  take(): EntryBatch[] {
    this.#seal();
    const batches = this.#batches;
    this.#waiting = nothing();
    this.#batches = [];
    this.#rows = 0;
    this.#unrouted = 0;
    return batches;
  }

  #waitingOf(kind: EntryKind, project: string, container: string): Waiting {
    // The project is the container's own, or made up like it.
    const key = kind === "unrouted" ? project + container : container;
    let waiting = this.#waiting[kind].get(key);
    if (waiting === undefined) {
      waiting = { place: { kind, project, container }, rows: 0 };
      this.#waiting[kind].set(key, waiting);
    }
    return waiting;
  }

  #seal(): void {
    if (this.#columns.rows === 0) return;
    this.#batches.push(this.#columns.batch());
    this.#columns = new EntryColumns();
  }
}

function nothing(): Readonly<Record<EntryKind, Map<string, Waiting>>> {
  return { passed: new Map(), refused: new Map(), unrouted: new Map() };
}
