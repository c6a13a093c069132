// Looks at the database each second: whether it answers, where it is, and what the nodes say of themselves.
import { type StoredHead, statusOf } from "../admin/nodes/process-status.ts";
import type { NodeProcess } from "../admin/store/node-records.ts";
import type { Store } from "../admin/store/store.ts";
import { isOfEveryMachine } from "../guard/this-machine.ts";
import { type AddressPolicy, addressPolicy } from "../policy/address-policy.ts";
import { lineageOf } from "../policy/lineage.ts";
import type { DialingNode } from "../proxy/gate/explain.ts";
import type { Instruments } from "../proxy/observe/instruments.ts";
import { clockOffset } from "./clock-offset.ts";

const LOOK_MS = 1_000;
const POLL_MS = 50;

type Watched = Pick<Store, "head" | "nodeProcesses" | "clock">;

/** As the processes themselves see it: a port of theirs is their own at every address of their machine, whatever it is bound to. */
function isListenerOf(processes: readonly NodeProcess[], address: string, port: number): boolean {
  const isOfAll = isOfEveryMachine(address);
  return processes.some(({ listeners, addresses }) => {
    const isOfIts = isOfAll || addresses.includes(address);
    return listeners.some((each) =>
      isOfIts
        ? each.endsWith(`:${port}`)
        : each === `${address}:${port}` || each === `[${address}]:${port}`,
    );
  });
}

export class StoreWatch {
  #clockOffsetMs = 0;
  #head: StoredHead | null = null;
  #heardAtMs: number | null = null;
  #tookMs = 0;
  #failures = 0;
  #problem: string | null = null;
  #processes: readonly NodeProcess[] = [];
  /** Of the networks that were asked for last. */
  #placement: { readonly text: string; readonly policy: AddressPolicy } | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;
  #looking = false;

  get head(): StoredHead | null {
    return this.#head;
  }

  /** Unix milliseconds; null: never. */
  get heardAtMs(): number | null {
    return this.#heardAtMs;
  }

  /** How far the clock of the database is ahead of this one's, in milliseconds. */
  get clockOffsetMs(): number {
    return this.#clockOffsetMs;
  }

  /** Why the last look failed; null: it did not. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Resolves after the first look. `clockOffsetMs`: what was found of the clock just now. */
  async start(store: Watched, clockOffsetMs: number): Promise<void> {
    this.#clockOffsetMs = clockOffsetMs;
    await this.#look(store, false);
    this.#timer = setInterval(() => void this.#look(store), LOOK_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** Whether the database has this revision, of this lineage, within the time. */
  async reached(revision: bigint, waitMs: number, lineage?: string): Promise<boolean> {
    const untilMs = performance.now() + waitMs;
    for (;;) {
      if (lineage !== undefined && this.hasLost(revision, lineage)) return false;
      if (this.#problem === null && this.#has(revision)) return true;
      if (performance.now() >= untilMs) return false;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Whether another write has the number of this revision. One that is to come is not lost: the last look may be older. */
  hasLost(revision: bigint, lineage: string): boolean {
    return this.#has(revision) && lineageOf(this.#head?.lineages ?? [], revision) !== lineage;
  }

  #has(revision: bigint): boolean {
    return this.#head !== null && BigInt(this.#head.revision) >= revision;
  }

  /** Whether a proxy of any node listens there. */
  isListener(address: string, port: number): boolean {
    return isListenerOf(this.#processes, address, port);
  }

  /** The proxies of a server: those that are heard, or else those that were; null: none ever was. Ports are of the one heard last. */
  nodeOf(server: string): DialingNode | null {
    const all = this.#processes.filter(({ servers }) => servers.includes(server));
    const nowMs = Date.now() + this.#clockOffsetMs;
    const heard = all.filter((each) => statusOf(each, null, nowMs) === "online");
    const known = heard.length > 0 ? heard : all;
    const [last] = known.toSorted((one, other) => (one.heardAt < other.heardAt ? 1 : -1));
    if (last === undefined) return null;
    const isForbidden = (address: string, port: number) => isListenerOf(known, address, port);
    const { programPorts, containerNetworks } = last;
    if (containerNetworks.length === 0) return { programPorts, isForbidden };
    const placement = this.#placementIn(containerNetworks);
    const mayDial = (address: string) => placement.place(address) !== null;
    return { programPorts, isForbidden, mayDial };
  }

  #placementIn(networks: readonly string[]): AddressPolicy {
    const text = networks.join();
    if (this.#placement?.text !== text) this.#placement = { text, policy: addressPolicy(networks) };
    return this.#placement.policy;
  }

  /** How far the farthest of these is behind. */
  lagOf(enforced: readonly bigint[]): number {
    const last = this.#head?.revision ?? 0;
    return Math.max(0, ...enforced.map((revision) => last - Number(revision)));
  }

  instruments(instruments: Instruments): void {
    instruments.gauge("realmgate_store_up", "Whether the database answered.", () =>
      this.#problem === null ? 1 : 0,
    );
    instruments.gauge(
      "realmgate_store_revision",
      "The last revision.",
      () => this.#head?.revision ?? 0,
    );
    instruments.gauge(
      "realmgate_store_read_seconds",
      "How long the last look took.",
      () => this.#tookMs / 1000,
    );
    instruments.gauge(
      "realmgate_clock_offset_seconds",
      "How far the clock of the database is ahead of this one's.",
      () => this.#clockOffsetMs / 1000,
      "max",
    );
    instruments.counter(
      "realmgate_store_failures_total",
      "Looks that failed.",
      () => this.#failures,
    );
  }

  async #look(store: Watched, isClockAsked = true): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const startMs = performance.now();
    try {
      if (isClockAsked) this.#clockOffsetMs = await clockOffset(store);
      this.#head = await store.head();
      this.#processes = await store.nodeProcesses();
      this.#heardAtMs = Date.now();
      this.#problem = null;
    } catch (error) {
      this.#failures++;
      this.#problem = error instanceof Error ? error.message : String(error);
    } finally {
      this.#tookMs = performance.now() - startMs;
      this.#looking = false;
    }
  }
}
