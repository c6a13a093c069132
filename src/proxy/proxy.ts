import type { Log } from "../log.ts";
import { containersDomain } from "../policy/containers-domain.ts";
import { noteCertificate, PLAIN_EDGE, tlsEdge } from "./edge/edge.ts";
import type { Serving } from "./edge/listener.ts";
import { Listeners, type ProxyTls } from "./edge/listeners.ts";
import { LiveConnections } from "./exchange/active-exchanges.ts";
import type { ExchangeWatch } from "./exchange/exchange.ts";
import { requestId } from "./exchange/request-id.ts";
import { trustedProxies } from "./gate/client-address.ts";
import { refuse } from "./gate/refusal.ts";
import { HopMarker } from "./hooks/bypass-token.ts";
import { HookRoutes } from "./hooks/hook-route.ts";
import { type AccessLog, NO_LINES } from "./observe/access-log.ts";
import { Metrics } from "./observe/metrics.ts";
import { RefusalLog } from "./observe/refusal-log.ts";
import { tlsSeries } from "./observe/tls-metrics.ts";
import { requestPath } from "./request-pipeline.ts";
import { hostParser } from "./routing/host.ts";
import { Enforced, type Enforcement, type SnapshotPlace } from "./snapshot/enforcement.ts";
import type { ChangeSource } from "./snapshot/feed.ts";
import type { Relay } from "./upgrade/relay.ts";
import { Upgrader } from "./upgrade/upgrader.ts";
import { Forwarder } from "./upstream/fetch-upstream.ts";
import { type UpstreamTls, upstreamTlsOptions } from "./upstream/tls.ts";

export interface ProxyOptions {
  readonly hostname: string;
  /** 0: any free port. */
  readonly port: number;
  /** Whether other processes of the same user may listen there, too: a successor, before this one goes. */
  readonly reusePort?: boolean;
  /** A second listener, with TLS; null or unset: there is none. */
  readonly tls?: ProxyTls | null;
  /** Containers are at `*.<server>.containers.<domain>`. */
  readonly domain: string;
  readonly serverName: string;
  /** CIDRs of peers whose word about the client is believed. */
  readonly trustedProxies: readonly string[];
  /** Default port of each kit program. */
  readonly programPorts: Readonly<Record<string, number>>;
  /** Where the last snapshot is saved, and taken from when the source does not answer at the start. */
  readonly snapshotPlace?: SnapshotPlace | null;
  /** How long ago the source may have been heard before nothing is allowed any more; null or unset: any time. */
  readonly stalenessMaxMs?: number | null;
  /** How certificates of upstreams are looked at: `off` unless set. */
  readonly upstreamTls?: UpstreamTls;
  /** How long an upstream may take to begin its answer: 60,000 unless set. */
  readonly responseHeaderMs?: number;
  /** How long a connection may be silent between requests and while one comes in: 30 unless set, at most 255. */
  readonly idleS?: number;
  /**
   * How many exchanges (requests with their answers, WebSockets, tunnels) may go on at a time: 32,768 unless set. No
   * container has more than half of them. Each takes two sockets.
   */
  readonly exchangesMax?: number;
  /** Whether a container may live at this address (canonical text). Asked when a container changes. */
  readonly mayDial: (address: string) => boolean;
  /** Whether one of our own listeners is there: it is never dialled. Asked for each request. */
  readonly isForbidden: (address: string, port: number) => boolean;
  readonly log: Log;
  /** 32 bytes that nothing else uses, the same for all proxies of an installation: signs what scripts of hooks call back with. */
  readonly hopKey: Uint8Array;
  /** Gets a line for each exchange; without one, refusals go to `log`, in measure. */
  readonly accessLog?: AccessLog | null;
}

export interface ProxyServer {
  readonly hostname: string;
  readonly port: number;
  /** Null: there is no listener with TLS. */
  readonly tls: { readonly hostname: string; readonly port: number } | null;
  /** Looks whether the certificate's files have changed. Resolves when that is done. */
  reloadTls(): Promise<void>;
  /** The revision that is enforced. */
  revision(): bigint;
  /** What is enforced, and on whose word. */
  enforcement(): Enforcement;
  /** Whether this revision is enforced within the time. */
  reached(revision: bigint, waitMs: number): Promise<boolean>;
  /** For the operators' eyes. */
  readonly metrics: Metrics;
  /** Goes as gently as it can within so many milliseconds: see `drain`. */
  drain(boundMs: number): Promise<void>;
  /**
   * Takes no new connections, ends WebSockets (1001) and resolves when the open requests are done; with `abort` they are cut off.
   */
  stop(abort?: boolean): Promise<void>;
}

/** The runtime reads it once, from the environment it was started with. */
const FETCHES_MAX_VARIABLE = "BUN_CONFIG_MAX_HTTP_REQUESTS";
const RESPONSE_HEADER_MS = 60_000;
const IDLE_S = 30;
const EXCHANGES_MAX = 32_768;

/**
 * Starts the data plane's plain HTTP edge. Resolves when it listens and has asked the source once; throws TypeError for
 * options that make no sense.
 */
export async function startProxy(
  options: ProxyOptions,
  source: ChangeSource,
): Promise<ProxyServer> {
  const { log, isForbidden, serverName, programPorts, mayDial } = options;
  const { accessLog = null, tls = null } = options;
  const parseHost = hostParser(serverName, options.domain);
  const parent = containersDomain(serverName, options.domain);
  const trusted = trustedProxies(options.trustedProxies);
  const idleS = options.idleS ?? IDLE_S;
  const exchangesMax = options.exchangesMax ?? EXCHANGES_MAX;
  const refusals = new RefusalLog(log);
  const enforced = new Enforced({
    source,
    snapshot: { serverName, programPorts, mayDial, log },
    place: options.snapshotPlace ?? null,
    stalenessMaxMs: options.stalenessMaxMs ?? null,
    swapped: (changed) =>
      changed === null
        ? connections.allChanged()
        : connections.changed(changed.projects, changed.containers),
    log,
  });
  const { feed } = enforced;
  const connections = new LiveConnections(
    () => feed.current(),
    log,
    (reason) => metrics.revoked(reason),
  );
  const metrics = new Metrics({
    open: () => connections.size,
    revision: () => feed.current().revision,
    feedFailures: () => feed.failures,
    feedReadAtMs: () => feed.readAtMs,
    refusalLinesDropped: () => refusals.dropped,
    accessLines: () => accessLog ?? NO_LINES,
  });
  enforced.series(metrics.scraped);
  const watch: ExchangeWatch = {
    answered: (exchange) => metrics.answered(exchange),
    ended: (exchange) => {
      metrics.ended(exchange);
      (accessLog ?? refusals).ended(exchange);
    },
  };
  const responseHeaderMs = options.responseHeaderMs ?? RESPONSE_HEADER_MS;
  const upstreamTls = upstreamTlsOptions(options.upstreamTls ?? "off");
  const forwarder = new Forwarder({ responseHeaderMs, upstreamTls, log });
  const { webSockets, tunnels } = metrics;
  const upgrader = new Upgrader({ responseHeaderMs, upstreamTls, log, webSockets, tunnels });
  let lastRequestMs = Number.NEGATIVE_INFINITY;

  const handle = requestPath({
    parseHost,
    trusted,
    current: () => feed.current(),
    connections,
    hooks: new HookRoutes(new HopMarker(options.hopKey), serverName, options.domain),
    forwarder,
    upgrader,
    ports: () => listeners.ports,
    isForbidden,
    idleS,
    exchangesMax,
    heldBodyMs: responseHeaderMs,
    watch,
    hookRan: (outcome) => metrics.hookRan(outcome),
    log,
  });

  if (process.env[FETCHES_MAX_VARIABLE] === undefined) {
    log.warn(
      { variable: FETCHES_MAX_VARIABLE },
      "at most 256 requests are forwarded at a time unless this variable is set when the process starts",
    );
  }
  await enforced.start();
  const hstsMaxAgeS = tls?.hstsMaxAgeS ?? null;
  /** A server of either listener. */
  function open(hostname: string, serving: Serving, port: number, reusePort: boolean) {
    const { pair } = serving;
    const edge = pair === null ? PLAIN_EDGE : tlsEdge(pair, parent);
    const answered = (response: Response | undefined): Response | undefined => {
      if (response === undefined) {
        return undefined;
      }
      if (serving.leaving) {
        response.headers.set("connection", "close");
      }
      if (pair !== null && hstsMaxAgeS !== null) {
        response.headers.set("strict-transport-security", `max-age=${hstsMaxAgeS}`);
      }
      return response;
    };
    return Bun.serve({
      hostname,
      port,
      ...(pair === null ? {} : { tls: { cert: pair.cert, key: pair.key }, http2: true }),
      development: false,
      // Unless told, `development: false` shares the port with whoever else asks for it (seen in Bun 1.4.5).
      reusePort,
      idleTimeout: idleS,
      // Bodies are streamed, never kept: how large they may be is the upstream's affair.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch(request: Request, server: Bun.Server<Relay>) {
        lastRequestMs = performance.now();
        return handle(request, server, edge).then(answered);
      },
      websocket: upgrader.handler,
      error(error) {
        log.error({ err: error }, "response failed in the gate");
        return refuse("internal_error", { requestId: requestId(), accept: null, hasBody: true });
      },
    });
  }
  const listeners = new Listeners({
    plain: options,
    tls,
    shared: options.reusePort ?? false,
    open: (hostname) => (serving, port, reusePort) => open(hostname, serving, port, reusePort),
    accepted: (pair) => noteCertificate(pair, parent, log),
    log,
  });
  const { plain, secure } = listeners;
  if (secure !== null) {
    tlsSeries(metrics.scraped, {
      notAfterMs: () => secure.pair?.notAfterMs ?? 0,
      reloads: () => listeners.reloads,
    });
  }

  return {
    hostname: plain.hostname,
    port: plain.port,
    tls: secure,
    reloadTls: () => listeners.reload(),
    revision: () => feed.current().revision,
    enforcement: () => enforced.state,
    reached: (revision, waitMs) => feed.reached(revision, waitMs),
    metrics,
    async drain(boundMs) {
      const quiet = () => performance.now() - lastRequestMs > idleS * 1000;
      await listeners.drain(boundMs, quiet, () => upgrader.goingAway());
      forwarder.stop();
      await enforced.stop();
    },
    async stop(abort = false) {
      feed.stop();
      const stopped = listeners.stop(abort);
      upgrader.goingAway();
      await stopped;
      forwarder.stop();
      await enforced.stop();
    },
  };
}
