// Entries that wait to be stored, by container: made from exchanges at a few hundred nanoseconds each, bounded in all and for each.
import type { BlockKind, EntryBlock } from "./entry-block.ts";
import { EntryColumns } from "./entry-columns.ts";
import type { LoggedExchange } from "./log-entry.ts";

/** Entries that may wait: some 30 MB. */
export const waitingMax = 65_536;
/** Of those, of one container and kind. */
export const waitingOfOneMax = waitingMax / 4;
/** Of those, for containers that are not there. */
export const waitingUnroutedMax = 64;
/** Entries of a block: one takes some 0.3 ms to be made. */
const BLOCK_ROWS_MAX = 512;

interface Group {
  readonly kind: BlockKind;
  readonly project: string;
  readonly container: string;
  startedAtMs: number;
  endedAtMs: number;
  ids: string[];
  columns: EntryColumns;
  /** Entries that wait, those in blocks included. */
  rows: number;
}

export class WaitingEntries {
  readonly #max: number;
  readonly #ofOneMax: number;
  #groups = noGroups();
  #blocks: EntryBlock[] = [];
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
  add(kind: BlockKind, project: string, container: string, exchange: LoggedExchange): boolean {
    if (this.#rows >= this.#max) return false;
    if (kind === "unrouted" && this.#unrouted >= waitingUnroutedMax) return false;
    const group = this.#group(kind, project, container, exchange.startedAtMs);
    if (group.rows >= this.#ofOneMax) return false;
    if (kind === "unrouted") this.#unrouted++;
    group.ids.push(exchange.requestId);
    group.columns.add(exchange);
    group.rows++;
    this.#rows++;
    if (exchange.startedAtMs < group.startedAtMs) group.startedAtMs = exchange.startedAtMs;
    group.endedAtMs = Math.ceil(exchange.startedAtMs + exchange.durationMs);
    if (group.columns.rows === BLOCK_ROWS_MAX) this.#seal(group);
    return true;
  }

  /** All that waits; nothing waits afterwards. */
  take(): EntryBlock[] {
    for (const groups of Object.values(this.#groups)) {
      for (const group of groups.values()) this.#seal(group);
    }
    const blocks = this.#blocks;
    this.#groups = noGroups();
    this.#blocks = [];
    this.#rows = 0;
    this.#unrouted = 0;
    return blocks;
  }

  #group(kind: BlockKind, project: string, container: string, startedAtMs: number): Group {
    // The project is the container's own, or made up like it.
    const key = kind === "unrouted" ? project + container : container;
    let group = this.#groups[kind].get(key);
    if (group === undefined) {
      group = {
        kind,
        project,
        container,
        startedAtMs,
        endedAtMs: startedAtMs,
        ids: [],
        columns: new EntryColumns(),
        rows: 0,
      };
      this.#groups[kind].set(key, group);
    }
    return group;
  }

  #seal(group: Group): void {
    const { kind, project, container, startedAtMs, endedAtMs, columns } = group;
    if (columns.rows === 0) return;
    this.#blocks.push({
      kind,
      project,
      container,
      rows: columns.rows,
      startedAtMs,
      endedAtMs,
      ids: group.ids.join(""),
      text: columns.text(),
    });
    group.ids = [];
    group.columns = new EntryColumns();
    group.startedAtMs = Number.POSITIVE_INFINITY;
  }
}

function noGroups(): Readonly<Record<BlockKind, Map<string, Group>>> {
  return { passed: new Map(), refused: new Map(), unrouted: new Map() };
}
