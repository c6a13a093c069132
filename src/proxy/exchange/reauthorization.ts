// Authorizing active exchanges again after a change, in slices that let other work run in between.

import type { Log } from "../../log.ts";
import { authorize } from "../gate/authorize.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import type { ActiveExchange } from "./active-exchange.ts";
import { addTo, removeFrom } from "./keyed-sets.ts";

/**
 * How long a slice holds the event loop, in milliseconds. One authorization takes some 2 µs, and up to 0.2 ms for each signature that
 * it checks.
 */
const SLICE_MS = 4;
/** The clock is read after so many. */
const BETWEEN_LOOKS = 8;
/** Authorizations that are waited for at the same time. */
const PENDING_MAX = 64;
/** Exchanges of one project before the next project's turn: a project with many exchanges does not delay the others. */
const TURN = 32;

/** Exchanges that wait to be authorized again, project by project in turn. */
export class Reauthorization {
  readonly #current: () => Snapshot;
  readonly #log: Log;
  readonly #due = new Map<string, Set<ActiveExchange>>();
  #running = false;

  constructor(current: () => Snapshot, log: Log) {
    this.#current = current;
    this.#log = log;
  }

  remove(active: ActiveExchange): void {
    if (this.#due.size === 0) return;
    removeFrom(this.#due, active.allowed.host.project, active);
  }

  /** Authorizes these again as soon as possible, by the latest snapshot. */
  add(exchanges: Iterable<ActiveExchange>): void {
    for (const active of exchanges) {
      addTo(this.#due, active.allowed.host.project, active);
    }
    if (!this.#running && this.#due.size > 0) {
      this.#running = true;
      void this.#run();
    }
  }

  /** In slices, project by project in turn. */
  async #run(): Promise<void> {
    while (this.#due.size > 0) {
      const pending = this.#slice(performance.now() + SLICE_MS);
      if (pending.length > 0) {
        await Promise.all(pending);
      }
      if (this.#due.size > 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    this.#running = false;
  }

  /** Always by the latest snapshot. Returns what to wait for. */
  #slice(endMs: number): Promise<void>[] {
    const snapshot = this.#current();
    const nowMs = Date.now();
    const pending: Promise<void>[] = [];
    let looked = 0;
    for (const [project, exchanges] of this.#due) {
      // Its next turn comes after those of all other projects.
      this.#due.delete(project);
      let turn = 0;
      for (const active of exchanges) {
        exchanges.delete(active);
        const later = this.#authorize(active, snapshot, nowMs);
        if (later !== null) {
          pending.push(later);
        }
        const over =
          pending.length >= PENDING_MAX ||
          (++looked % BETWEEN_LOOKS === 0 && performance.now() >= endMs);
        if (over || ++turn === TURN) {
          this.#addLater(project, exchanges);
          if (over) {
            return pending;
          }
          break;
        }
      }
    }
    return pending;
  }

  #addLater(project: string, exchanges: ReadonlySet<ActiveExchange>): void {
    for (const active of exchanges) {
      addTo(this.#due, project, active);
    }
  }

  /** Never throws or rejects: an exchange that cannot be authorized again is revoked. */
  #authorize(active: ActiveExchange, snapshot: Snapshot, nowMs: number): Promise<void> | null {
    try {
      const result = authorize(snapshot, active.request, nowMs);
      if (result instanceof Promise) {
        return result.then(
          (later) => active.reauthorized(later),
          (error: unknown) => this.#failed(active, error),
        );
      }
      active.reauthorized(result);
    } catch (error) {
      this.#failed(active, error);
    }
    return null;
  }

  #failed(active: ActiveExchange, error: unknown): void {
    this.#log.error({ err: error }, "a connection could not be authorized again; it is closed");
    const { host } = active.allowed;
    active.reauthorized({
      allow: false,
      host,
      reason: "internal_error",
      denial: undefined,
      wrongCredential: false,
      isReadable: false,
      subject: null,
    });
  }
}
