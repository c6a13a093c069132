// Stores what the followers of this control plane enforce, for all control planes: soon when it changes, else now and then.
import type { Log } from "../../log.ts";
import type { FeedServer } from "../feed/feed-server.ts";
import type { FollowStream } from "../feed/follow-stream.ts";
import type { NodeProcess } from "../store/node-records.ts";
import type { Store } from "../store/store.ts";

/** Acknowledgements that come within this time are stored together, in milliseconds. */
const SOON_MS = 100;
/** How often it is stored that a follower is there, in milliseconds. */
const ALIVE_MS = 2_000;

export class ProcessRegistry {
  readonly #store: Pick<Store, "noteProcesses" | "forgetProcess">;
  readonly #log: Log;
  readonly #clockOffsetMs: () => number;
  readonly #changed = new Set<FollowStream>();
  #streams: () => Iterable<FollowStream> = () => [];
  #soon: ReturnType<typeof setTimeout> | null = null;
  #alive: ReturnType<typeof setInterval> | null = null;
  #writing: Promise<void> = Promise.resolve();

  /** `clockOffsetMs`: how far the clock that all control planes read is ahead of this one's. */
  constructor(
    store: Pick<Store, "noteProcesses" | "forgetProcess">,
    log: Log,
    clockOffsetMs: () => number = () => 0,
  ) {
    this.#clockOffsetMs = clockOffsetMs;
    this.#store = store;
    this.#log = log;
  }

  start(feed: FeedServer): void {
    this.#streams = () => feed.streams;
    this.#alive = setInterval(() => this.#write([...feed.streams]), ALIVE_MS);
  }

  /** A follower enforces something else than before. */
  readonly changed = (stream: FollowStream): void => {
    this.#changed.add(stream);
    this.#soon ??= setTimeout(() => {
      this.#soon = null;
      this.#write([...this.#changed]);
      this.#changed.clear();
    }, SOON_MS);
  };

  /** A follower's process stops. */
  readonly left = (stream: FollowStream): void => {
    this.#changed.delete(stream);
    const { nodeId, process, boot } = processOf(stream, 0);
    this.#writing = this.#writing
      .then(() => this.#store.forgetProcess({ nodeId, process, boot }))
      .catch((error: unknown) => {
        this.#log.error({ err: error }, "it could not be stored that a process of a node stopped");
      });
  };

  async stop(): Promise<void> {
    if (this.#soon !== null) clearTimeout(this.#soon);
    if (this.#alive !== null) clearInterval(this.#alive);
    await this.#writing;
  }

  #write(streams: readonly FollowStream[]): void {
    const open = new Set(this.#streams());
    const offsetMs = this.#clockOffsetMs();
    const processes = streams
      .filter((stream) => open.has(stream))
      .map((stream) => processOf(stream, offsetMs));
    // The last one of a process wins: it may have come back before its old stream ended.
    const last = new Map(processes.map((each) => [`${each.nodeId} ${each.process}`, each]));
    this.#writing = this.#writing
      .then(() => this.#store.noteProcesses([...last.values()]))
      .catch((error: unknown) => {
        this.#log.error({ err: error }, "what nodes enforce could not be stored");
      });
  }
}

function processOf(
  { peer, hello, enforced, heardAtMs }: FollowStream,
  clockOffsetMs: number,
): NodeProcess {
  return {
    nodeId: peer.node,
    process: hello.process,
    boot: hello.boot,
    version: hello.version,
    servers: hello.servers,
    enforcedRevision: Number(enforced?.revision ?? 0n),
    enforcedLineage: enforced?.lineage ?? "",
    heardAt: new Date(heardAtMs + clockOffsetMs).toISOString(),
    listeners: hello.listeners,
    programPorts: hello.programPorts,
    addresses: hello.addresses,
    containerNetworks: hello.containerNetworks,
    leaseMs: hello.stalenessMs === undefined ? null : Number(hello.stalenessMs),
  };
}
