// The edge over bare sockets: plain HTTP/1.1 and 1.0, parsed and written here.
import type { ArrivalBudget } from "../../../guard/arrival-budget.ts";
import { ConnectionCap } from "../../../guard/connection-cap.ts";
import type { HeldBytes } from "../../../guard/held-bytes.ts";
import { eventLoopReads } from "../../../guard/read-turns.ts";
import { UnfinishedBytes } from "../../../guard/unfinished-bytes.ts";
import { HeadWriter } from "../../../http1/head-writer.ts";
import type { Log } from "../../../log.ts";
import { trustedProxies } from "../../gate/client-address.ts";
import type { ListenerScope } from "../../gate/request-head.ts";
import { paceWindowMs } from "../../upstream/body-pace.ts";
import type { RawPool } from "../../upstream/raw/raw-pool.ts";
import type { Upstream } from "../../upstream/upstream.ts";
import type { Edge, ListeningServer, Pipeline, Serving } from "../edge.ts";
import { LINGERING_LIMITS } from "../lingering-limits.ts";
import { PLAIN_SCOPE } from "../tls/certificate-scope.ts";
import type { KeyPair } from "../tls/key-pair.ts";
import { ConnectionPlaces } from "./connection-places.ts";
import { Http2Connections, type Http2Options } from "./http2-connections.ts";
import type { Malformed } from "./wire-refusal.ts";
import type { WireRequest } from "./wire-request.ts";
import { type PerServer, WireServer } from "./wire-server.ts";
import type { WireServices } from "./wire-services.ts";
import type { TunnelWatch, WireTunnel } from "./wire-tunnel.ts";

export interface WireEdgeOptions {
  readonly pipeline: Pipeline;
  readonly upstream: Upstream<WireRequest, Response>;
  readonly pool: RawPool;
  /** Not null where a listener with TLS is wanted. */
  readonly secure: SecureOptions | null;
  /** How long a connection may be silent between requests and while a head arrives, in seconds. */
  readonly idleS: number;
  readonly responseHeaderMs: number;
  readonly bodyBytesPerMinuteMin: number;
  /** Whether many clients come from this peer, as from a trusted proxy. */
  readonly isShared: (peer: string) => boolean;
  /** CIDRs of the peers whose connections begin with a header of the PROXY protocol. */
  readonly proxyProtocol: readonly string[];
  /** Connections at a time. */
  readonly connectionsMax: number;
  /** Bytes of messages of clients that have come in part, in all. */
  readonly halfMessagesBytesMax: number;
  /** Bytes that clients or programs do not take. */
  readonly held: HeldBytes;
  /** Shared by all listeners. */
  readonly arrivals: ArrivalBudget;
  /** WebSockets that are passed through. */
  readonly webSockets: OpenCounter;
  /** Something that is no request was refused; there is no exchange. */
  readonly malformed: (malformed: Malformed) => void;
  /** A connection that has to begin with a header of the PROXY protocol does not. */
  readonly noProxyHeader: () => void;
  readonly log: Log;
}

export interface SecureOptions {
  /** For whom a certificate vouches. */
  readonly scopeOf: (pair: KeyPair) => ListenerScope;
  /** See `Http2Options`. */
  readonly openHttp2: Http2Options["openServer"];
}

export interface OpenCounter {
  opened(): void;
  closed(): void;
}

/** Received head, and all that is added; or a head and what comes with it. */
const WRITER_BYTES = 131_072;

/** Of all connections; one client network, unless many clients come from it, leaves the rest to others. */
const NETWORK_SHARE = 1 / 2;
/** Of all connections; each of HTTP/2 takes two more descriptors, which the budget of descriptors counts with. */
const HTTP2_SHARE = 1 / 8;

function placesOf(connectionsMax: number) {
  return { connectionsMax, perNetworkMax: Math.ceil(connectionsMax * NETWORK_SHARE) };
}

export class WireEdge implements Edge {
  readonly #services: Omit<WireServices, PerServer>;
  readonly #places: ConnectionPlaces;
  readonly #speaksFor: (peer: string) => boolean;
  readonly #tunnels: OpenTunnels;
  readonly #secure: SecureOptions | null;
  readonly #http2: Http2Connections | null;
  lastRequestMs = Number.NEGATIVE_INFINITY;

  constructor(options: WireEdgeOptions) {
    const { pipeline, idleS, isShared, connectionsMax } = options;
    this.#tunnels = new OpenTunnels(options.webSockets);
    this.#secure = options.secure;
    const idleMs = idleS * 1000;
    this.#http2 =
      options.secure === null
        ? null
        : new Http2Connections({
            idleMs,
            headMs: idleMs,
            isShared,
            ...placesOf(Math.ceil(connectionsMax * HTTP2_SHARE)),
            held: options.held,
            openServer: options.secure.openHttp2,
          });
    this.#speaksFor = trustedProxies(options.proxyProtocol).trusts;
    this.#places = new ConnectionPlaces({ ...placesOf(connectionsMax), isShared });
    const { bytesMax, silentMs, allMs } = LINGERING_LIMITS;
    this.#services = {
      pipeline,
      upstream: options.upstream,
      pool: options.pool,
      upstreamWriter: new HeadWriter(WRITER_BYTES),
      clientWriter: new HeadWriter(WRITER_BYTES),
      responseHeaderMs: options.responseHeaderMs,
      turns: eventLoopReads,
      arrivals: options.arrivals,
      lingering: {
        cap: new ConnectionCap({ ...LINGERING_LIMITS, isShared }),
        bytesMax,
        silentMs,
        allMs,
      },
      idleMs,
      headMs: idleMs,
      bodyBytesMin: options.bodyBytesPerMinuteMin,
      paceMs: paceWindowMs,
      unfinished: new UnfinishedBytes(options.halfMessagesBytesMax),
      held: options.held,
      malformed: options.malformed,
      noProxyHeader: options.noProxyHeader,
      tunnels: this.#tunnels,
      begin: (head) => pipeline.begin(head),
      began: (atMs) => {
        this.lastRequestMs = atMs;
      },
      log: options.log,
    };
  }

  /** Ports that belong to the gate alone, on loopback. */
  get innerPorts(): readonly number[] {
    return this.#http2 === null ? [] : [this.#http2.port];
  }

  /** Once its servers have stopped. */
  async stop(): Promise<void> {
    await this.#http2?.stop();
  }

  /** Closes WebSockets with 1001, now and from now on. */
  goingAway(): void {
    this.#tunnels.goingAway();
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#places.taken;
  }

  open(
    hostname: string,
    serving: Serving,
    port: number,
    reusePort: boolean,
    descriptor: number | null = null,
  ): ListeningServer {
    const { pair } = serving;
    return new WireServer({
      scope: pair === null || this.#secure === null ? PLAIN_SCOPE : this.#secure.scopeOf(pair),
      http2: pair === null ? null : this.#http2,
      hostname,
      port,
      reusePort,
      descriptor,
      serving,
      services: this.#services,
      places: this.#places,
      speaksFor: this.#speaksFor,
    });
  }
}

class OpenTunnels implements TunnelWatch {
  readonly #count: OpenCounter;
  readonly #tunnels = new Set<WireTunnel>();
  #isGoingAway = false;

  constructor(count: OpenCounter) {
    this.#count = count;
  }

  opened(tunnel: WireTunnel): void {
    this.#tunnels.add(tunnel);
    this.#count.opened();
    // It is not joined yet.
    if (this.#isGoingAway) queueMicrotask(() => tunnel.goAway());
  }

  closed(tunnel: WireTunnel): void {
    if (this.#tunnels.delete(tunnel)) this.#count.closed();
  }

  goingAway(): void {
    this.#isGoingAway = true;
    for (const tunnel of [...this.#tunnels]) tunnel.goAway();
  }
}
