// The gate processes of this node: starts them, replaces who dies, and speaks for all of them.
import { Registry } from "@prometheus-io/client";
import type { ListenAddress } from "../config/setting-readers.ts";
import type { ExchangeLog } from "../exchange-log/exchange-log.ts";
import type { Log } from "../log.ts";
import type { ListeningSocket } from "./listening-socket.ts";
import { answeredByLog } from "./log-requests.ts";
import { countedOf, merged } from "./merged-metrics.ts";
import type { MetricValues, WorkerStart, WorkerState } from "./messages.ts";
import { connectionsOf, type Gathered } from "./worker-connections.ts";
import { NoAnswer, WorkerProcess } from "./worker-process.ts";
import { WorkerSlot } from "./worker-slot.ts";

export interface WorkerPoolOptions {
  readonly workers: number;
  /** The program and what comes before its role. */
  readonly command: readonly string[];
  /** Those that all processes accept from. */
  readonly sockets: readonly ListeningSocket[];
  readonly log: Log;
  /** How long a process may take to start at first, in milliseconds; see WorkerSlot. */
  readonly startMs?: number;
}

const LOOK_MS = 1_000;
/** Looks without a word of a process until that is said, and until it is replaced. */
const SILENT_LOOKS = 2;
const STUCK_LOOKS = 10;
/** Connections beyond the mean, as a part of it and in all, that make a process leave new ones to the others. */
const REST_ABOVE = 1.25;
const REST_MARGIN = 64;
/** How much longer than allowed a process may drain. */
const DRAIN_MARGIN_MS = 2_000;
const POLL_MS = 20;

export class WorkerPool {
  /** What is open in all of them. */
  readonly connections = connectionsOf((ask) => this.#all(ask));
  readonly #options: WorkerPoolOptions;
  readonly #slots: readonly WorkerSlot[];
  /** Called when other processes serve than before. */
  changed: () => void = () => {};
  /** What the processes write to and read from. */
  exchangeLog: ExchangeLog | null = null;
  #start: ((slot: number) => WorkerStart) | null = null;
  #looking: ReturnType<typeof setInterval> | null = null;
  #isStopping = false;
  #replaced = 0;
  #failedStarts = 0;
  /** What those that are gone have counted. */
  #retired: MetricValues = [];
  #metricsRound: Promise<MetricValues[]> | null = null;

  /** The processes are there, but wait for `start`. */
  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#slots = Array.from(
      { length: options.workers },
      (_, index) => new WorkerSlot(index, options.startMs),
    );
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

  /** Processes that did not come to serve: each was ended, and another was tried. */
  get failedStarts(): number {
    return this.#failedStarts;
  }

  /** Those that should serve and say nothing, for people. */
  get silent(): readonly string[] {
    return this.#live().flatMap((worker) =>
      worker.silentLooks > SILENT_LOOKS ? [nameOf(worker)] : [],
    );
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

  /** Resolves when all of them serve. Rejects when one cannot; one that hangs is replaced. */
  async start(start: (slot: number) => WorkerStart): Promise<void> {
    this.#start = start;
    await Promise.all(this.#slots.map((slot) => this.#startFirst(slot, start)));
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
    const { answers } = await this.#all((worker) => worker.ask("lost", { revision, lineage }));
    return answers.includes(true);
  }

  /** `own`: of this process, which come first. Calls share the round of questions that is under way. */
  async metrics(own: MetricValues): Promise<Registry> {
    this.#metricsRound ??= this.#askedForMetrics().finally(() => {
      this.#metricsRound = null;
    });
    return merged([own, ...(await this.#metricsRound), this.#retired]);
  }

  #askedForMetrics(): Promise<MetricValues[]> {
    return Promise.all(
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
  }

  /** Tells all of them where this node listens. */
  own(listeners: readonly ListenAddress[]): void {
    for (const worker of this.#live()) worker.tell("own", listeners);
  }

  /** Looks at the certificate's files in all of them. One that hangs reads them when it is replaced. */
  async reload(): Promise<void> {
    await this.#all((worker) => worker.ask("reload", null));
  }

  /** Keys of the snapshot from now on, in base64. Resolves to whether it lies on disk under the first, which all of them know. */
  async snapshotKeys(keys: readonly string[]): Promise<boolean> {
    const { answers } = await this.#all((worker) => worker.ask("snapshotKeys", keys, null));
    return answers.length === this.#options.workers && answers.every(Boolean);
  }

  /** Keys of bypass tokens from now on, in base64. */
  bypassKeys(keys: readonly string[]): void {
    for (const worker of this.#live()) worker.tell("bypassKeys", keys);
  }

  /** They store what waits for the exchange log. One that does not answer does not keep readers waiting. */
  async flushLogs(): Promise<void> {
    await this.#all((worker) => worker.ask("flushLog", null, LOOK_MS));
  }

  /** They accept nothing new and end once what they do is done, within so many milliseconds. */
  async drain(boundMs: number): Promise<void> {
    this.#isStopping = true;
    if (this.#looking !== null) clearInterval(this.#looking);
    await Promise.all(
      this.#slots.map(async (slot) => {
        slot.stop();
        const { worker } = slot;
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
      this.#slots.map(async (slot) => {
        slot.stop();
        const { worker } = slot;
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

  /** Asks all that serve, and never rejects; who goes meanwhile has no answer and is not missing. */
  async #all<Answer>(ask: (worker: WorkerProcess) => Promise<Answer>): Promise<Gathered<Answer>> {
    const missing: string[] = [];
    const answers = await Promise.all(
      this.#live().map(async (worker) => {
        try {
          return [await ask(worker)];
        } catch {
          if (!worker.isGone) missing.push(nameOf(worker));
          return [];
        }
      }),
    );
    return { answers: answers.flat(), missing };
  }

  #spawn(slot: WorkerSlot): WorkerProcess {
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

  #exited(slot: WorkerSlot, worker: WorkerProcess, how: string): void {
    if (slot.worker !== worker) return;
    slot.worker = null;
    if (this.#isStopping || !slot.isServing) return;
    this.#replaced++;
    const { log } = this.#options;
    log.error(
      { worker: slot.index, pid: worker.pid, how },
      "a gate process is gone; it is replaced",
    );
    this.#retire(worker);
    this.#acceptAll();
    slot.lost(() => void this.#startAgain(slot));
  }

  #retire({ counted }: WorkerProcess): void {
    // What it was asked for last is all that is known of it.
    this.#retired = Registry.aggregate([[...this.#retired], [...counted]])
      .getMetricsAsArray()
      .map((metric) => metric as unknown as MetricValues[number]);
  }

  /** The one that was made with the pool; one that hangs is replaced. */
  async #startFirst(slot: WorkerSlot, start: (slot: number) => WorkerStart): Promise<void> {
    for (;;) {
      try {
        await this.#begin(slot, slot.worker ?? this.#spawn(slot), start);
        return;
      } catch (error) {
        if (!(error instanceof NoAnswer) || this.#isStopping) throw error;
      }
    }
  }

  async #startAgain(slot: WorkerSlot): Promise<void> {
    const start = this.#start;
    if (this.#isStopping || start === null) return;
    const { log } = this.#options;
    try {
      const worker = this.#spawn(slot);
      const tookMs = await this.#begin(slot, worker, start);
      this.changed();
      log.warn({ worker: slot.index, pid: worker.pid, tookMs }, "a gate process took over");
    } catch (error) {
      if (this.#isStopping) return;
      log.error(
        { worker: slot.index, err: error },
        "a gate process cannot be replaced; trying again",
      );
      slot.again(() => void this.#startAgain(slot));
    }
  }

  async #begin(
    slot: WorkerSlot,
    worker: WorkerProcess,
    start: (slot: number) => WorkerStart,
  ): Promise<number> {
    const { index, allowedMs } = slot;
    try {
      return await slot.begin(worker, start(index));
    } catch (error) {
      if (this.#isStopping) throw error;
      this.#failedStarts++;
      const { log } = this.#options;
      if (error instanceof NoAnswer) {
        const fields = { worker: index, pid: worker.pid, allowedMs };
        log.error(fields, "a gate process does not start; it is ended");
      }
      throw error;
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

function nameOf({ slot }: WorkerProcess): string {
  return `gate process ${slot}`;
}

async function every<Item>(
  items: readonly Item[],
  holds: (item: Item) => Promise<boolean>,
): Promise<boolean> {
  return (await Promise.all(items.map(holds))).every(Boolean);
}
