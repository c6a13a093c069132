// The edge over bare sockets: plain HTTP/1.1 and 1.0, parsed and written here.
import type { ArrivalBudget } from "../../../guard/arrival-budget.ts";
import { ConnectionCap } from "../../../guard/connection-cap.ts";
import { HeadWriter } from "../../../http1/head-writer.ts";
import type { Log } from "../../../log.ts";
import { paceWindowMs } from "../../upstream/body-pace.ts";
import type { RawPool } from "../../upstream/raw/raw-pool.ts";
import { ReadTurns } from "../../upstream/raw/read-turns.ts";
import type { Upstream } from "../../upstream/upstream.ts";
import { LINGERING_LIMITS } from "../bun-serve/lingering.ts";
import type { Edge, ListeningServer, Pipeline, Serving } from "../edge.ts";
import type { WireRequest } from "./wire-request.ts";
import { WireServer } from "./wire-server.ts";
import type { WireServices } from "./wire-services.ts";

export interface WireEdgeOptions {
  readonly pipeline: Pipeline;
  readonly upstream: Upstream<WireRequest, Response>;
  readonly pool: RawPool;
  /** How long a connection may be silent between requests and while a head arrives, in seconds. */
  readonly idleS: number;
  readonly responseHeaderMs: number;
  readonly bodyBytesPerMinuteMin: number;
  /** Whether many clients come from this peer, as from a trusted proxy. */
  readonly isShared: (peer: string) => boolean;
  /** Connections at a time. */
  readonly connectionsMax: number;
  /** Shared by all listeners. */
  readonly arrivals: ArrivalBudget;
  readonly log: Log;
}

/** Received head, and all that is added; or a head and what comes with it. */
const WRITER_BYTES = 131_072;

export class WireEdge implements Edge {
  readonly #services: Omit<WireServices, "closed" | "over" | "clock">;
  readonly #cap: ConnectionCap;
  lastRequestMs = Number.NEGATIVE_INFINITY;

  constructor(options: WireEdgeOptions) {
    const { pipeline, idleS, isShared, connectionsMax } = options;
    this.#cap = new ConnectionCap({ connectionsMax, perNetworkMax: connectionsMax, isShared });
    const { bytesMax, silentMs, allMs } = LINGERING_LIMITS;
    this.#services = {
      pipeline,
      upstream: options.upstream,
      pool: options.pool,
      upstreamWriter: new HeadWriter(WRITER_BYTES),
      clientWriter: new HeadWriter(WRITER_BYTES),
      responseHeaderMs: options.responseHeaderMs,
      turns: new ReadTurns(),
      arrivals: options.arrivals,
      lingering: {
        cap: new ConnectionCap({ ...LINGERING_LIMITS, isShared }),
        bytesMax,
        silentMs,
        allMs,
      },
      idleMs: idleS * 1000,
      headMs: idleS * 1000,
      bodyBytesMin: options.bodyBytesPerMinuteMin,
      paceMs: paceWindowMs,
      begin: (head) => pipeline.begin(head),
      began: (atMs) => {
        this.lastRequestMs = atMs;
      },
      log: options.log,
    };
  }

  open(hostname: string, serving: Serving, port: number, reusePort: boolean): ListeningServer {
    return new WireServer({
      hostname,
      port,
      reusePort,
      serving,
      services: this.#services,
      cap: this.#cap,
    });
  }
}
