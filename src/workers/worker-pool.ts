// The gate processes of this node: starts them, replaces who dies, and speaks for all of them.
import { Registry } from "@prometheus-io/client";
import type { ListenAddress } from "../config/setting-readers.ts";
import type { ExchangeLog } from "../exchange-log/exchange-log.ts";
import type { Log } from "../log.ts";
import type { ListeningSocket } from "./listening-socket.ts";
import { answeredByLog } from "./log-requests.ts";
import { countedOf, merged } from "./merged-metrics.ts";
import type { MetricValues, WorkerStart, WorkerState } from "./messages.ts";
import { connectionsOf } from "./worker-connections.ts";
import { WorkerProcess } from "./worker-process.ts";

export interface WorkerPoolOptions {
  readonly workers: number;
  /** The program and what comes before its role. */
  readonly command: readonly string[];
  /** Those that all processes accept from. */
  readonly sockets: readonly ListeningSocket[];
  readonly log: Log;
}

/** A place for one process after the other. */
interface Slot {
  readonly index: number;
  /** Null: the last one is gone, the next one not here yet. */
  worker: WorkerProcess | null;
  isServing: boolean;
  startedMs: number;
  retryMs: number;
  retry: ReturnType<typeof setTimeout> | null;
}

const LOOK_MS = 1_000;
/** Looks without a word of a process until that is said, and until it is replaced. */
const SILENT_LOOKS = 2;
const STUCK_LOOKS = 10;
/** Connections beyond the mean, as a part of it and in all, that make a process leave new ones to the others. */
const REST_ABOVE = 1.25;
const REST_MARGIN = 64;
/** Who dies sooner is replaced later and later. */
const STABLE_MS = 10_000;
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 5_000;
/** How much longer than allowed a process may drain. */
const DRAIN_MARGIN_MS = 2_000;
const POLL_MS = 20;

export class WorkerPool {
  /** What is open in all of them. */
  readonly connections = connectionsOf((ask) => this.#all(ask));
  readonly #options: WorkerPoolOptions;
  readonly #slots: readonly Slot[];
  /** Called when other processes serve than before. */
  changed: () => void = () => {};
  /** What the processes write to and read from. */
  exchangeLog: ExchangeLog | null = null;
  #start: ((slot: number) => WorkerStart) | null = null;
  #looking: ReturnType<typeof setInterval> | null = null;
  #isStopping = false;
  #replaced = 0;
  /** What those that are gone have counted. */
  #retired: MetricValues = [];

  /** The processes are there, but wait for `start`. */
  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.workers }, (_, index) => ({
      index,
      worker: null,
      isServing: false,
      startedMs: 0,
      retryMs: RETRY_FIRST_MS,
      retry: null,
    }));
    for (const slot of this.#slots) slot.worker = this.#spawn(slot);
  }

  /** Processes that serve. */
  get serving(): number {
    return this.#slots.filter(({ isServing }) => isServing).length;
  }

  /** Processes that died and were replaced. */
  get replaced(): number {
    return this.#replaced;
  }

  /** Of the processes that serve, by slot. */
  get pids(): readonly number[] {
    return this.#live().map(({ pid }) => pid);
  }

  /** Ports on loopback that belong to one of them alone. */
  get innerPorts(): readonly number[] {
    return this.#live().flatMap(({ innerPorts }) => innerPorts);
  }

  /** What each of them enforces. */
  get states(): readonly WorkerState[] {
    return this.#live().flatMap(({ state }) => (state === null ? [] : [state]));
  }

  /** Resolves when all of them serve. Rejects when one cannot. */
  async start(start: (slot: number) => WorkerStart): Promise<void> {
    this.#start = start;
    await Promise.all(
      this.#slots.map(async (slot) => {
        await slot.worker?.start(start(slot.index));
        slot.isServing = true;
        slot.startedMs = performance.now();
      }),
    );
    this.changed();
    this.#looking = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Who is being replaced counts unless this is about a write: then it has to be back. */
  async reached(revision: number, waitMs: number, lineage: string | null): Promise<boolean> {
    const untilMs = performance.now() + waitMs;
    if (revision === 0 && this.serving > 0) {
      return every(this.#live(), (worker) =>
        worker.ask("reached", { revision, waitMs, lineage }, waitMs + 5_000).catch(() => false),
      );
    }
    return every(this.#slots, async (slot) => {
      for (;;) {
        const leftMs = Math.max(0, untilMs - performance.now());
        const { worker, isServing } = slot;
        if (worker !== null && isServing) {
          try {
            const asked = { revision, waitMs: leftMs, lineage };
            return await worker.ask("reached", asked, leftMs + 5_000);
          } catch {
            // One that does not answer enforces nothing that is known.
            if (!worker.isGone) return false;
          }
        }
        if (leftMs === 0 || this.#isStopping) return false;
        await Bun.sleep(Math.min(POLL_MS, leftMs));
      }
    });
  }

  async hasLost(revision: number, lineage: string): Promise<boolean> {
    const lost = await this.#all((worker) => worker.ask("lost", { revision, lineage }));
    return lost.includes(true);
  }

  /** `own`: of this process, which come first. */
  async metrics(own: MetricValues): Promise<Registry> {
    const all = await Promise.all(
      this.#live().map(async (worker) => {
        try {
          const values = await worker.ask("metrics", null);
          worker.counted = countedOf(values);
          return values;
        } catch {
          return worker.counted;
        }
      }),
    );
    return merged([own, ...all, this.#retired]);
  }

  /** Tells all of them where this node listens. */
  own(listeners: readonly ListenAddress[]): void {
    for (const worker of this.#live()) worker.tell("own", listeners);
  }

  /** Looks at the certificate's files in all of them. */
  async reload(): Promise<void> {
    await this.#all((worker) => worker.ask("reload", null, null));
  }

  /** Keys of the snapshot from now on, in base64. Resolves to whether it lies on disk under the first, which all of them know. */
  async snapshotKeys(keys: readonly string[]): Promise<boolean> {
    const done = await this.#all((worker) => worker.ask("snapshotKeys", keys, null));
    return done.length === this.#options.workers && done.every((each) => each);
  }

  /** Keys of bypass tokens from now on, in base64. */
  bypassKeys(keys: readonly string[]): void {
    for (const worker of this.#live()) worker.tell("bypassKeys", keys);
  }

  /** They store what waits for the exchange log. One that does not answer does not keep readers waiting. */
  async flushLogs(): Promise<void> {
    await this.#all((worker) => worker.ask("flushLog", null, LOOK_MS)).catch(() => {});
  }

  /** They accept nothing new and end once what they do is done, within so many milliseconds. */
  async drain(boundMs: number): Promise<void> {
    this.#isStopping = true;
    if (this.#looking !== null) clearInterval(this.#looking);
    await Promise.all(
      this.#slots.map(async ({ worker, retry }) => {
        if (retry !== null) clearTimeout(retry);
        if (worker === null || worker.isGone) return;
        await worker.ask("drain", boundMs, boundMs + DRAIN_MARGIN_MS).catch(() => worker.kill());
        await Promise.race([worker.exited, Bun.sleep(DRAIN_MARGIN_MS)]);
        worker.kill();
        await worker.exited;
      }),
    );
    this.#closeSockets();
  }

  /** At once, whatever they do. */
  async kill(): Promise<void> {
    this.#isStopping = true;
    if (this.#looking !== null) clearInterval(this.#looking);
    this.#closeSockets();
    await Promise.all(
      this.#slots.map(async ({ worker, retry }) => {
        if (retry !== null) clearTimeout(retry);
        worker?.kill();
        await worker?.exited;
      }),
    );
  }

  #closeSockets(): void {
    for (const socket of this.#options.sockets) socket.close();
  }

  #live(): WorkerProcess[] {
    return this.#slots.flatMap(({ worker, isServing }) =>
      worker !== null && isServing && !worker.isGone ? [worker] : [],
    );
  }

  /** Asks all that serve; who goes meanwhile has no answer. */
  async #all<Answer>(ask: (worker: WorkerProcess) => Promise<Answer>): Promise<Answer[]> {
    const answers = await Promise.all(
      this.#live().map(async (worker) => {
        try {
          return [await ask(worker)];
        } catch (error) {
          if (worker.isGone) return [];
          throw error;
        }
      }),
    );
    return answers.flat();
  }

  #spawn(slot: Slot): WorkerProcess {
    const { command } = this.#options;
    return new WorkerProcess({
      slot: slot.index,
      command,
      descriptors: this.#options.sockets.map(({ descriptor }) => descriptor),
      handlers: (worker) => ({
        failures: (pairs) => {
          for (const other of this.#live()) if (other !== worker) other.tell("failures", pairs);
          return null;
        },
        log: (request) => answeredByLog(this.exchangeLog, request),
        closed: () => {
          // What waits in its queue would wait for ever.
          this.#closeSockets();
          return null;
        },
      }),
      exited: (worker, how) => this.#exited(slot, worker, how),
    });
  }

  #exited(slot: Slot, worker: WorkerProcess, how: string): void {
    if (slot.worker !== worker) return;
    slot.worker = null;
    if (this.#isStopping || !slot.isServing) return;
    slot.isServing = false;
    this.#replaced++;
    const { log } = this.#options;
    log.error(
      { worker: slot.index, pid: worker.pid, how },
      "a gate process is gone; it is replaced",
    );
    this.#retire(worker);
    this.#acceptAll();
    if (performance.now() - slot.startedMs > STABLE_MS) slot.retryMs = RETRY_FIRST_MS;
    this.#replace(slot, 0);
  }

  #retire({ counted }: WorkerProcess): void {
    // What it was asked for last is all that is known of it.
    this.#retired = Registry.aggregate([[...this.#retired], [...counted]])
      .getMetricsAsArray()
      .map((metric) => metric as unknown as MetricValues[number]);
  }

  #replace(slot: Slot, delayMs: number): void {
    slot.retry = setTimeout(() => {
      slot.retry = null;
      void this.#startAgain(slot);
    }, delayMs);
  }

  async #startAgain(slot: Slot): Promise<void> {
    const start = this.#start;
    if (this.#isStopping || start === null) return;
    const { log } = this.#options;
    try {
      const worker = this.#spawn(slot);
      slot.worker = worker;
      slot.startedMs = performance.now();
      await worker.start(start(slot.index));
      slot.isServing = true;
      this.changed();
      const tookMs = Math.round(performance.now() - slot.startedMs);
      log.warn({ worker: slot.index, pid: worker.pid, tookMs }, "a gate process took over");
    } catch (error) {
      if (this.#isStopping) return;
      slot.worker?.kill();
      slot.worker = null;
      log.error(
        { worker: slot.index, err: error },
        "a gate process cannot be replaced; trying again",
      );
      this.#replace(slot, slot.retryMs);
      slot.retryMs = Math.min(slot.retryMs * 2, RETRY_MAX_MS);
    }
  }

  /**
   * The kernel gives a connection to whoever is there first. Who has many more than the others, which may last for hours, leaves
   * new ones to them.
   */
  #balance(): void {
    const workers = this.#live().filter(({ silentLooks }) => silentLooks <= 1);
    const counts = workers.map(({ state }) => state?.connections ?? 0);
    const mean = counts.reduce((sum, count) => sum + count, 0) / workers.length;
    for (const [index, worker] of workers.entries()) {
      const count = counts[index] ?? 0;
      if (count > mean * REST_ABOVE + REST_MARGIN) worker.accept(false);
      else if (count <= mean + REST_MARGIN / 2) worker.accept(true);
    }
  }

  /** Whoever took connections may not do so any more. */
  #acceptAll(): void {
    for (const worker of this.#live()) worker.accept(true);
  }

  /** Each of them says something twice as often. */
  #look(): void {
    for (const slot of this.#slots) {
      const { worker, isServing } = slot;
      if (worker === null || !isServing) continue;
      const { silentLooks, pid } = worker;
      worker.silentLooks++;
      if (silentLooks === SILENT_LOOKS) {
        this.#options.log.warn({ worker: slot.index, pid }, "a gate process is silent");
        this.#acceptAll();
      } else if (silentLooks >= STUCK_LOOKS) {
        this.#options.log.error(
          { worker: slot.index, pid },
          "a gate process is stuck; it is ended",
        );
        worker.kill();
      }
    }
    this.#balance();
  }
}

async function every<Item>(
  items: readonly Item[],
  holds: (item: Item) => Promise<boolean>,
): Promise<boolean> {
  return (await Promise.all(items.map(holds))).every(Boolean);
}
