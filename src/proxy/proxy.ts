// The data plane, wired together.
import { ArrivalBudget } from "../guard/arrival-budget.ts";
import { HeldBytes } from "../guard/held-bytes.ts";
import { LimitedLog } from "../guard/limited-log.ts";
import type { Log } from "../log.ts";
import { containersDomain } from "../policy/containers-domain.ts";
import { BuiltInPrograms } from "./built-in.ts";
import { CurlProgram } from "./curl/curl.ts";
import { internalEdge } from "./curl/internal-edge.ts";
import { BunServeEdge } from "./edge/bun-serve/bun-serve-edge.ts";
import { HeldBodies } from "./edge/bun-serve/held-bodies.ts";
import { streamedBody } from "./edge/bun-serve/response-body.ts";
import { Listeners } from "./edge/listeners.ts";
import { certificateScope, noteCertificate } from "./edge/tls/certificate-scope.ts";
import { relayedBody } from "./edge/wire/relayed-body.ts";
import { WireEdge } from "./edge/wire/wire-edge.ts";
import { WireUpstream } from "./edge/wire/wire-upstream.ts";
import { clientUpstream, internalUpstream } from "./edge-upstreams.ts";
import { ActiveExchanges } from "./exchange/active-exchanges.ts";
import type { ExchangeWatch } from "./exchange/exchange.ts";
import { Silence } from "./exchange/silence.ts";
import type { AdmissionContext } from "./gate/admission.ts";
import { trustedProxies } from "./gate/client-address.ts";
import { FailureBudget } from "./gate/failure-budget.ts";
import { SignatureTurns } from "./gate/signature-turns.ts";
import { BYPASS_HEADER, BypassTokens } from "./hooks/bypass-token.ts";
import { HookScripts } from "./hooks/hook-script.ts";
import { LogsProgram } from "./logs/logs.ts";
import { NO_LINES } from "./observe/access-log.ts";
import { heldSeries } from "./observe/held-metrics.ts";
import { ExchangeEntries, exchangeLogSeries } from "./observe/logged-exchange.ts";
import { Metrics } from "./observe/metrics.ts";
import { OpenConnections } from "./observe/open-connections.ts";
import { RefusalLog } from "./observe/refusal-log.ts";
import { snapshotSeries } from "./observe/snapshot-metrics.ts";
import { tlsSeries } from "./observe/tls-metrics.ts";
import { traceSeries } from "./observe/trace-metrics.ts";
import { type ProxyOptions, type ProxySettings, withDefaults } from "./options.ts";
import { RequestPipeline } from "./request-pipeline.ts";
import { hostParser } from "./routing/host.ts";
import { type Enforcement, Enforcer } from "./snapshot/enforcement.ts";
import type { ChangeSource } from "./snapshot/feed.ts";
import { Upgrader } from "./upgrade/upgrader.ts";
import { FetchUpstream } from "./upstream/fetch-upstream.ts";
import { placesLeft, upstreamPools } from "./upstream/pools.ts";
import { ProgramUpstream } from "./upstream/program-upstream.ts";
import { holdBody } from "./upstream/request-body.ts";
import { upstreamTlsOptions } from "./upstream/tls.ts";
import type { ResponseBody } from "./upstream/upstream.ts";

export interface ProxyServer {
  /** Of the plain listener; where that is off, of the one with TLS. */
  readonly hostname: string;
  readonly port: number;
  /** Null: there is no plain listener. */
  readonly plain: { readonly hostname: string; readonly port: number } | null;
  /** Null: there is no listener with TLS. */
  readonly tls: { readonly hostname: string; readonly port: number } | null;
  /** Ports on loopback that only the gate itself may connect to. */
  readonly innerPorts: readonly number[];
  /** Looks whether the certificate's files have changed. Resolves when that is done. */
  reloadTls(): Promise<void>;
  /** Saves the snapshot anew, sealed as its box seals now. Resolves to whether that is what lies on disk. */
  resealSnapshot(): Promise<boolean>;
  /** The revision that is enforced. */
  revision(): bigint;
  /** What is enforced, and its origin. */
  enforcement(): Enforcement;
  /** Whether this revision is enforced within the time. */
  reached(revision: bigint, waitMs: number, lineage?: string): Promise<boolean>;
  /** Whether another write has the number of this revision of this lineage, so that it will never be enforced. */
  hasLost(revision: bigint, lineage: string): boolean;
  readonly metrics: Metrics;
  /** What goes on now. */
  readonly connections: OpenConnections;
  /** Counts a wrong credential that another process let through: see `ProxyOptions.credentialFailed`. */
  noteCredentialFailure(pair: string): void;
  /** Connections of clients, with the edge `wire`. */
  readonly openConnections: number;
  /** Leaves new connections to other processes with the same sockets; those that there are go on. */
  rest(): void;
  /** Accepts them again. */
  accept(): void;
  /** Closes as gently as it can within so many milliseconds: see `drain`. `closed`: called when it listens no more. */
  drain(boundMs: number, closed?: () => void): Promise<void>;
  /**
   * Accepts no more connections, ends WebSockets (1001) and resolves when the open requests are done; with `abort` they are cut off.
   */
  stop(abort?: boolean): Promise<void>;
}

/**
 * Starts the data plane. Resolves when it listens and has asked the source once; throws TypeError for options that make no
 * sense, CannotListen when an address is in use.
 */
export async function startProxy(
  options: ProxyOptions,
  source: ChangeSource,
): Promise<ProxyServer> {
  // Refusals have a limit of their own.
  const refusals = new RefusalLog(options.log);
  const settings = withDefaults({ ...options, log: new LimitedLog(options.log) });
  const { log, isForbidden, serverName, domain, programPorts, mayDial } = settings;
  const { traces } = settings;
  const { accessLog, exchangeLog, tls, idleS, exchangesMax, responseHeaderMs } = settings;
  const parent = containersDomain(serverName, domain);
  const parseHost = hostParser(serverName, domain);
  const trusted = trustedProxies(settings.trustedProxies);
  if (settings.proxyProtocol.length > 0 && settings.plainEdge !== "wire") {
    throw new TypeError("the PROXY protocol needs the edge wire");
  }
  if (!settings.plain && tls === null) throw new TypeError("the data plane has no listener");

  const enforced = new Enforcer({
    source,
    snapshot: {
      serverName,
      programPorts,
      mayDial,
      recentPolicies: settings.recentPolicies,
      log,
    },
    place: settings.snapshotPlace,
    stalenessMaxMs: settings.stalenessMaxMs,
    swapped: (changed) =>
      changed === null ? active.allChanged() : active.changed(changed.projects, changed.containers),
    log,
  });
  const { feed } = enforced;
  const current = () => feed.current();
  const active = new ActiveExchanges(current, log, (reason) => metrics.revoked(reason));
  const silence = new Silence(settings.streamSilenceMs, () => active.all());
  const metrics = new Metrics({
    open: () => active.size,
    revision: () => current().revision,
    feedFailures: () => feed.failures,
    feedReadAtMs: () => feed.readAtMs,
    refusalLinesDropped: () => refusals.dropped,
    accessLines: () => accessLog ?? NO_LINES,
  });
  snapshotSeries(metrics.instruments, enforced);
  if (traces !== null) traceSeries(metrics.instruments, traces);
  if (exchangeLog !== null) exchangeLogSeries(metrics.instruments, exchangeLog);
  const entries = exchangeLog === null ? null : new ExchangeEntries(exchangeLog);
  const watch: ExchangeWatch = {
    answered: (exchange) => metrics.answered(exchange),
    ended: (exchange) => {
      metrics.ended(exchange);
      (accessLog ?? refusals).ended(exchange);
      entries?.ended(exchange);
      if (traces !== null) traces.ended(exchange);
    },
  };

  const failures = new FailureBudget(
    settings.credentialFailuresMax,
    () => performance.now(),
    settings.credentialFailed,
  );
  const bypass = new BypassTokens(settings.bypassKeys);
  const context: AdmissionContext = {
    parseHost,
    trusted,
    isForbidden,
    redirectPort: () =>
      settings.httpsRedirect === "listener"
        ? (listeners.secure?.port ?? null)
        : settings.httpsRedirect,
    mayFail: (client, container) => failures.take(client, container),
    signatures: new SignatureTurns(),
    hasRoom: (container, client) =>
      active.hasRoom(container, client, placesLeft(exchangesMax, pools.attempts)),
    bypassesHooks: (headers, container, nowMs) =>
      bypass.holds(headers.get(BYPASS_HEADER), container, nowMs),
  };
  const pipeline = new RequestPipeline({
    context,
    current,
    active,
    scripts: new HookScripts(bypass, serverName, domain),
    heldBodyMs: responseHeaderMs,
    watch,
    hookRan: (outcome) => metrics.hookRan(outcome),
    log,
  });

  const held = new HeldBytes({
    bytesMax: settings.heldBytesMax,
    stalledMs: STALLED_MS,
    ended: (stalled) =>
      log.warn(stalled, "exchange ended: it stalled, and too many bytes are held"),
  });
  heldSeries(metrics.instruments, held);
  const { pools, programsWith, programs, upgrader } = upstreamsOf(settings, metrics, held);
  const internal = internalEdge(pipeline, internalUpstream(programs));
  const curl = new CurlProgram({
    parseHost,
    ports: () => [...listeners.ports, ...innerPorts()],
    edge: internal,
    watch,
  });
  const builtIn = new BuiltInPrograms(curl, new LogsProgram(exchangeLog));
  const common = {
    pipeline,
    idleS,
    isShared: trusted.trusts,
    arrivals: new ArrivalBudget({ ...ARRIVALS, isShared: trusted.trusts }),
    log,
  };
  const serveEdge = new BunServeEdge({
    ...common,
    upstream: clientUpstream(programs, upgrader, builtIn),
    parent,
    hstsMaxAgeS: tls === null ? null : tls.hstsMaxAgeS,
  });
  const wirePrograms = settings.plainEdge === "wire" ? programsWith(relayedBody, true) : null;
  const wireEdge =
    wirePrograms === null
      ? null
      : new WireEdge({
          ...common,
          upstream: new WireUpstream({
            forward: (request, forwarded) => wirePrograms.forward(request, forwarded),
            upgrade: (client, headers, forwarded) => upgrader.upgrade(client, headers, forwarded),
            answerBuiltIn: (request, forwarded) => builtIn.answer(request, forwarded),
            holdBody,
          }),
          pool: pools.raw,
          secure:
            tls === null
              ? null
              : {
                  scopeOf: (pair) => certificateScope(pair, parent, tls.hstsMaxAgeS),
                  openHttp2: (clientOf) => serveEdge.openBehind(clientOf),
                },
          held,
          responseHeaderMs,
          bodyBytesPerMinuteMin: settings.bodyBytesPerMinuteMin,
          proxyProtocol: settings.proxyProtocol,
          halfMessagesBytesMax: settings.halfMessagesBytesMax,
          webSockets: metrics.webSockets,
          malformed: (malformed) => {
            metrics.malformed(malformed.malformed);
            refusals.note({ ...malformed, place: null }, performance.now());
          },
          noProxyHeader: () => metrics.malformed("proxy-header"),
          connectionsMax: Math.max(exchangesMax, CONNECTIONS_MIN),
        });
  const edge = wireEdge ?? serveEdge;
  const innerPorts = () => wireEdge?.innerPorts ?? [];

  warnOfFetchLimit(log);
  await enforced.start();
  const listeners = new Listeners({
    plain: settings.plain ? settings : null,
    tls,
    shared: settings.reusePort,
    inherited: settings.inherited,
    open: (hostname) => (serving, port, reusePort, descriptor) =>
      edge.open(hostname, serving, port, reusePort, descriptor),
    accepted: (pair) => noteCertificate(pair, parent, log),
    log,
  });
  silence.start();
  const { plain, secure } = listeners;
  const first = plain ?? secure;
  if (first === null) throw new Error("opened none");
  if (secure !== null) {
    tlsSeries(metrics.instruments, {
      notAfterMs: () => secure.pair?.notAfterMs ?? 0,
      reloads: () => listeners.reloads,
    });
  }

  const goingAway = () => {
    upgrader.goingAway();
    wireEdge?.goingAway();
  };
  const stopUpstreams = () => {
    programs.stop();
    wirePrograms?.stop();
    pools.raw.stop();
    pools.h2c.stop();
  };

  return {
    hostname: first.hostname,
    port: first.port,
    plain,
    tls: secure,
    innerPorts: innerPorts(),
    reloadTls: () => listeners.reload(),
    resealSnapshot: () => enforced.reseal(),
    revision: () => current().revision,
    enforcement: () => enforced.state,
    reached: (revision, waitMs, lineage) => feed.reached(revision, waitMs, lineage),
    hasLost: (revision, lineage) => feed.hasLost(revision, lineage),
    metrics,
    connections: new OpenConnections(active),
    noteCredentialFailure: (pair) => failures.note(pair),
    get openConnections() {
      return wireEdge?.connections ?? 0;
    },
    rest: () => listeners.rest(),
    accept: () => listeners.accept(),
    async drain(boundMs, closed = () => {}) {
      const quiet = () => {
        const lastMs = Math.max(serveEdge.lastRequestMs, edge.lastRequestMs);
        return performance.now() - lastMs > idleS * 1000;
      };
      await listeners.drain(boundMs, quiet, () => {
        closed();
        goingAway();
      });
      await wireEdge?.stop();
      stopUpstreams();
      silence.stop();
      await enforced.stop();
    },
    async stop(abort = false) {
      feed.stop();
      const stopped = listeners.stop(abort);
      goingAway();
      await stopped;
      await wireEdge?.stop();
      stopUpstreams();
      silence.stop();
      await enforced.stop();
    },
  };
}

/** Requests in one turn of the event loop; a refusal takes some 30 µs. */
const ARRIVALS = { perConnection: 64, perNetwork: 64, total: 256 } as const;

/** How long nothing may move of what a client network or a container holds above its share, in milliseconds. */
const STALLED_MS = 10_000;

function upstreamsOf(
  {
    responseHeaderMs,
    upstreamTls,
    bodyBytesPerMinuteMin,
    halfMessagesBytesMax,
    log,
  }: ProxySettings,
  { webSockets, tunnels }: Metrics,
  held: HeldBytes,
) {
  const responseBody = streamedBody(new HeldBodies(), held);
  const tickMs = Math.min(TICK_MS_MAX, Math.max(TICK_MS_MIN, responseHeaderMs / 8));
  const pools = upstreamPools(tickMs, log);
  const tls = upstreamTlsOptions(upstreamTls);
  const common = { responseHeaderMs, upstreamTls: tls, log };
  /** Each edge passes bodies on in its own way. The runtime's server sends no trailers (seen in Bun 1.4.5). */
  const programsWith = (passed: ResponseBody, carriesTrailers: boolean) => {
    const options = { ...common, bodyBytesPerMinuteMin, held, responseBody: passed };
    const forwarding = { ...options, carriesTrailers };
    return new ProgramUpstream(new FetchUpstream(options), pools, forwarding);
  };
  return {
    pools,
    programsWith,
    programs: programsWith(responseBody, false),
    upgrader: new Upgrader({
      ...common,
      responseBody,
      webSockets,
      tunnels,
      halfMessagesBytesMax,
    }),
  };
}

/** Fewer exchanges than this are for tests; idle connections need room as well. */
const CONNECTIONS_MIN = 1_024;

/** How often the limits of connections to upstreams are looked at, in milliseconds. */
const TICK_MS_MAX = 250;
const TICK_MS_MIN = 5;

/** The runtime reads it once, from the environment with which the process started. */
const FETCHES_MAX_VARIABLE = "BUN_CONFIG_MAX_HTTP_REQUESTS";

function warnOfFetchLimit(log: Log): void {
  if (process.env[FETCHES_MAX_VARIABLE] === undefined) {
    log.warn(
      { variable: FETCHES_MAX_VARIABLE },
      "at most 256 requests are forwarded to programs over HTTPS at a time unless this variable is set when the process starts",
    );
  }
}
