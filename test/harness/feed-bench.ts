// A store whose changes are followed over the feed: its server, and readers as proxies have them.
import { tmpdir } from "node:os";
import { join } from "node:path";
import { changeSource, type StoreChangeSource } from "../../src/admin/feed/change-source.ts";
import type { AuthenticatePeer, FeedPeer } from "../../src/admin/feed/feed-peer.ts";
import {
  type FeedServer,
  type FeedServerOptions,
  startFeed,
} from "../../src/admin/feed/feed-server.ts";
import type { Scope } from "../../src/admin/store/records.ts";
import { Feed } from "../../src/proxy/snapshot/feed.ts";
import { RemoteSource, type RemoteSourceOptions } from "../../src/proxy/snapshot/remote-source.ts";
import { Snapshot } from "../../src/proxy/snapshot/snapshot.ts";
import { openSqlitePlace } from "./sqlite-store.ts";
import { Stage } from "./stage.ts";

export const silentLog = { error() {}, warn() {}, info() {} };

/** By token. */
export const nodes: Readonly<Record<string, FeedPeer>> = {
  "token-a": {
    node: "a",
    servers: ["local"],
    keys: { hops: Buffer.from("k") },
    domain: "example.test",
  },
  "token-b": { node: "b", servers: ["other"], keys: {}, domain: "example.test" },
};

export const byToken: AuthenticatePeer = async ({ token }) => {
  const peer = nodes[token ?? ""];
  return peer === undefined ? { problem: "unknown" } : { peer };
};

let sockets = 0;

/** A name for a socket of the machine that no other test has. */
export function socketName(): string {
  return `unix:${join(tmpdir(), `rg-feed-${process.pid}-${++sockets}.sock`)}`;
}

export class Follower {
  readonly source: RemoteSource;
  readonly feed: Feed;
  readonly problems: string[] = [];

  constructor(options: Partial<RemoteSourceOptions> & Pick<RemoteSourceOptions, "urls">) {
    const note = (fields: object) => this.problems.push(textOf(fields));
    const log = { ...silentLog, error: note, warn: note };
    const own = { token: "token-a", process: "proxy-1", servers: ["local"], version: "test", log };
    this.source = new RemoteSource({ ...own, ...options });
    const place = { serverName: "local", programPorts: {}, mayDial: () => true, log: silentLog };
    this.feed = new Feed({ source: this.source, empty: Snapshot.empty(place), log });
  }

  stop(): void {
    this.feed.stop();
    this.source.stop();
  }
}

function textOf(fields: object): string {
  const err: unknown = Reflect.get(fields, "err");
  return err instanceof Error ? err.message : JSON.stringify(fields);
}

export class FeedBench implements AsyncDisposable {
  readonly stage: Stage;
  readonly source: StoreChangeSource;
  readonly #closes: (() => Promise<void> | void)[] = [];
  #made = 0;

  private constructor(stage: Stage) {
    this.stage = stage;
    this.source = changeSource(stage.store);
  }

  static async open(): Promise<FeedBench> {
    return new FeedBench(await Stage.open(openSqlitePlace));
  }

  async serve(options: Partial<FeedServerOptions> = {}): Promise<FeedServer> {
    const { source } = this;
    const common = { listen: "127.0.0.1:0", source, authenticate: byToken, log: silentLog };
    const server = await startFeed({ ...common, heartbeatMs: 500, ...options });
    this.#closes.push(() => server.stop());
    return server;
  }

  follower(options: Partial<RemoteSourceOptions> & Pick<RemoteSourceOptions, "urls">): Follower {
    const follower = new Follower(options);
    this.#closes.push(() => follower.stop());
    return follower;
  }

  /** A revision. */
  async write(scope: Scope = this.stage.ada): Promise<bigint> {
    await this.stage.project(scope, { alias: `p${++this.#made}` });
    return (await this.source.head()).revision;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closes.reverse()) await close();
    await this.stage[Symbol.asyncDispose]();
  }
}
