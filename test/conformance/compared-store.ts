// One of the stores that are compared: what it has shown so far, and its answers in words that hold for all of them.
import type { Store } from "../../src/admin/store/store.ts";
import type { Random } from "../arbitrary/random.ts";
import type { OpenStore } from "../harness/open-store.ts";
import { A, B, nowhere } from "../harness/stage.ts";

/** What is made, by kind. */
export type Kind =
  | ("user" | "project" | "container" | "member" | "alias")
  | ("token" | "node" | "realm" | "event");

/** Of the latest of a kind, so that most choices are still there. */
const RECENT = 8;

/** Which id an operation takes: the same place in each store. */
export interface Choice {
  readonly any: boolean;
  readonly at: number;
}

export function choiceOf(random: Random): Choice {
  return { any: random.chance(0.1), at: random.below(1 << 30) };
}

export class ComparedStore {
  readonly #place: OpenStore;
  readonly #names = new Map<string, string>([A, B, nowhere].map((id) => [id, id]));
  readonly #ids: string[] = [];
  readonly #made = new Map<string, string[]>();
  readonly #counted = new Map<string, { used: number; endS: number }>();
  readonly #called: Set<string>;
  /** Hashes of the secrets of tokens, the latest last. */
  readonly secrets: Buffer[] = [];
  /** Revisions at which the database was seen, the latest last: a reader never is within a commit. */
  readonly heads: number[] = [0];
  store: Store;

  /** `called`: gets the names of the methods that are called. */
  constructor(place: OpenStore, called: Set<string>) {
    this.#place = place;
    this.#called = called;
    this.store = watched(place.store, called);
  }

  /** Closes the store, and opens what it left behind. */
  async reopen(): Promise<void> {
    this.store = watched(await this.#place.reopen(), this.#called);
    this.#called.add("close");
  }

  /** One of the latest of a kind; now and then anything's. */
  id(kind: Kind, { any, at }: Choice): string {
    const ids = any ? this.#ids : (this.#made.get(kind) ?? []).slice(-RECENT);
    return ids[at % ids.length] ?? nowhere;
  }

  /** Notes an id: names it, for later choices of its kind. */
  made(kind: Kind, id: string): void {
    this.#made.set(kind, [...(this.#made.get(kind) ?? []).slice(-RECENT), id]);
  }

  /** What a store with shared counters answers; see LimitStore. */
  counted(key: string, windowS: number, nowMs: number): { used: number; endS: number } {
    const nowS = nowMs / 1000;
    const before = this.#counted.get(key);
    const isOver = before === undefined || before.endS <= nowS;
    const counted = isOver
      ? { used: 1, endS: nowS + windowS }
      : { ...before, used: before.used + 1 };
    this.#counted.set(key, counted);
    return counted;
  }

  nameOf(id: string): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const name = `#${this.#ids.length}`;
    this.#names.set(id, name);
    this.#ids.push(id);
    return name;
  }

  /** An answer with names for ids. Lineages and the colours of first projects are random; sequences are places in a list. */
  plain(answer: unknown): unknown {
    const text =
      JSON.stringify(answer ?? null, (key, value) =>
        isOwn(key) || (key === "color" && String(value).length > 4) ? "" : value,
      ) ?? "null";
    return JSON.parse(text.replace(/\b[0-9a-f]{24}\b/g, (id) => this.nameOf(id)));
  }
}

/** Fields in which stores differ. */
function isOwn(key: string): boolean {
  return key === "sequence" || key === "lineage" || key === "lineages";
}

/** The same store, which notes what is called of it. */
function watched<Part extends object>(store: Part, called: Set<string>): Part {
  return new Proxy(store, {
    get(target, name, receiver) {
      const value = Reflect.get(target, name, receiver);
      if (typeof value === "function") called.add(String(name));
      return typeof value === "object" && value !== null ? watched(value, called) : value;
    },
  });
}
