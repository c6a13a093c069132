// One gate process, as its parent sees it.
import { Channel, type Handlers } from "./channel.ts";
import {
  CHANNEL_DESCRIPTOR,
  type MetricValues,
  type ToParent,
  type ToWorker,
  type WorkerStart,
  type WorkerState,
} from "./messages.ts";
import { WORKER_ROLE } from "./worker-role.ts";

export interface WorkerProcessOptions {
  readonly slot: number;
  /** The program and what comes before its role. */
  readonly command: readonly string[];
  /** Listening sockets, of all slots. */
  readonly descriptors: readonly number[];
  readonly handlers: (worker: WorkerProcess) => Omit<Handlers<ToParent>, "state">;
  /** Called once, when it is gone. */
  readonly exited: (worker: WorkerProcess, how: string) => void;
}

/** An answer that takes longer is a fault; a stuck process must not make the management API wait. */
const ANSWER_MS = 5_000;

/** It was asked, and said nothing in the time that it had. */
export class NoAnswer extends Error {}

export class WorkerProcess {
  readonly slot: number;
  readonly #process: Bun.Subprocess;
  readonly #channel: Promise<Channel<ToWorker, ToParent>>;
  /** What it enforces; null: it has not started yet. */
  state: WorkerState | null = null;
  /** Ports on loopback that belong to it alone. */
  innerPorts: readonly number[] = [];
  /** What it counted when it was asked last. */
  counted: MetricValues = [];
  /** It leaves new connections to the others. */
  isResting = false;
  /** Looks since it was heard last. */
  silentLooks = 0;
  isGone = false;

  constructor(options: WorkerProcessOptions) {
    this.slot = options.slot;
    this.#process = Bun.spawn([...options.command, WORKER_ROLE], {
      stdio: ["ignore", "ignore", "inherit", "socket-fd", ...options.descriptors] as never,
      env: environment(process.env),
      onExit: (_, code, signal) => {
        this.isGone = true;
        void this.#channel.then((channel) => channel.close());
        options.exited(this, signal === null ? `exit code ${code}` : `signal ${signal}`);
      },
    });
    const descriptor = this.#process.stdio[CHANNEL_DESCRIPTOR];
    if (typeof descriptor !== "number") throw new Error("a gate process has no channel");
    this.#channel = Channel.open<ToWorker, ToParent>({
      descriptor,
      handlers: {
        ...options.handlers(this),
        state: (state) => {
          this.state = state;
          this.silentLooks = 0;
          return null;
        },
      },
      // Without its parent's word it is of no use.
      closed: () => this.kill(),
    });
    this.#channel.catch(() => this.kill());
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Resolves when it is gone. */
  get exited(): Promise<number> {
    return this.#process.exited;
  }

  /** Rejects with NoAnswer when it does not serve within `ms`, with CallFailed when it cannot. */
  async start(start: WorkerStart, ms: number): Promise<void> {
    const started = await this.ask("start", start, ms);
    this.state = started.state;
    this.innerPorts = started.innerPorts;
  }

  /** Rejects when it is gone, and with NoAnswer when it says nothing within `ms`; null: however long it takes. */
  async ask<Kind extends keyof ToWorker & string>(
    kind: Kind,
    asked: ToWorker[Kind]["asked"],
    ms: number | null = ANSWER_MS,
  ): Promise<ToWorker[Kind]["answer"]> {
    const answer = this.#channel.then((channel) => channel.ask(kind, asked));
    return ms === null ? answer : inTime(answer, ms);
  }

  /** Asks, and does not care for the answer. */
  tell<Kind extends keyof ToWorker & string>(kind: Kind, asked: ToWorker[Kind]["asked"]): void {
    void this.ask(kind, asked, null).catch(() => {});
  }

  /** Takes new connections, or leaves them to the others. */
  accept(isWanted: boolean): void {
    if (this.isResting !== isWanted) return;
    this.isResting = !isWanted;
    this.tell("accept", isWanted);
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}

async function inTime<Value>(work: Promise<Value>, ms: number): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new NoAnswer("a gate process does not answer")), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Without our settings, which hold the master key and passwords, and without the supervisor's socket. */
function environment(all: NodeJS.ProcessEnv): Record<string, string | undefined> {
  const foreign = Object.entries(all).filter(
    ([name]) => !name.startsWith("REALMGATE_") && name !== "NOTIFY_SOCKET",
  );
  return Object.fromEntries(foreign);
}
