import { parseIpv4 } from "../policy/address.ts";
import { decide, grantingGroups } from "../policy/decide.ts";
import { type CredentialLocation, identify } from "../policy/identify.ts";
import { trustedProxies, UNKNOWN_ADDRESS, unmapped } from "./client-address.ts";
import { RequestCredentials, requestTarget } from "./credential.ts";
import { type ChangeSource, Feed } from "./feed.ts";
import { Forwarder } from "./forward.ts";
import { type DirectHost, hostParser } from "./host.ts";
import type { Log } from "./log.ts";
import { NO_PORT } from "./program-ports.ts";
import { RefusalLog } from "./refusal-log.ts";
import { type Denial, type RefusalReason, refuse } from "./refuse.ts";
import { requestId } from "./request-id.ts";
import { Snapshot } from "./snapshot.ts";

export interface ProxyOptions {
  readonly hostname: string;
  /** 0: any free port. */
  readonly port: number;
  /** Containers are at `*.<server>.containers.<domain>`. */
  readonly domain: string;
  readonly serverName: string;
  /** CIDRs of peers whose word about the client is believed. */
  readonly trustedProxies: readonly string[];
  /** Default port of each kit program. */
  readonly programPorts: Readonly<Record<string, number>>;
  /** How long an upstream may take to begin its answer: 60,000 unless set. */
  readonly responseHeaderMs?: number;
  /** How long a connection may be silent between requests and while one comes in: 30 unless set, at most 255. */
  readonly idleS?: number;
  /** Whether a container may live at this address (canonical text). Asked when a container changes. */
  readonly mayDial: (address: string) => boolean;
  /** Whether one of our own listeners is there: it is never dialled. Asked for each request. */
  readonly isForbidden: (address: string, port: number) => boolean;
  readonly log: Log;
}

export interface ProxyServer {
  readonly hostname: string;
  readonly port: number;
  /** The revision that is enforced. */
  revision(): bigint;
  /** Whether this revision is enforced within the time. */
  reached(revision: bigint, waitMs: number): Promise<boolean>;
  /** Takes no new connections and resolves when the open requests are done; with `abort` they are cut off. */
  stop(abort?: boolean): Promise<void>;
}

/** The runtime reads it once, from the environment it was started with. */
const FETCHES_MAX_VARIABLE = "BUN_CONFIG_MAX_HTTP_REQUESTS";
const RESPONSE_HEADER_MS = 60_000;
const IDLE_S = 30;

/**
 * Starts the data plane's plain HTTP edge. Resolves when it listens and has asked the source once; throws TypeError for
 * options that make no sense.
 */
export async function startProxy(
  options: ProxyOptions,
  source: ChangeSource,
): Promise<ProxyServer> {
  const { log, isForbidden, serverName, programPorts, mayDial } = options;
  const parseHost = hostParser(serverName, options.domain);
  const trusted = trustedProxies(options.trustedProxies);
  const idleS = options.idleS ?? IDLE_S;
  const refusals = new RefusalLog(log);
  const feed = new Feed(source, Snapshot.empty({ serverName, programPorts, mayDial, log }), log);
  const forwarder = new Forwarder({
    responseHeaderMs: options.responseHeaderMs ?? RESPONSE_HEADER_MS,
    log,
  });

  /** The whole path of a request: parseHost, route, identify, decide, forward or refuse. */
  async function handle(request: Request, server: Bun.Server<undefined>): Promise<Response> {
    const id = requestId();
    try {
      const { headers } = request;
      if (request.method === "CONNECT" || request.method === "TRACE") {
        return refused(request, id, "method_not_allowed");
      }
      const target = requestTarget(request.url);
      if (target === null || (isBodiless(request.method) && announcesBody(headers))) {
        return refused(request, id, "bad_request");
      }

      const host = parseHost(headers.get("host"));
      if (host.kind !== "direct") {
        return refused(request, id, host.kind === "alias" ? "unknown_host" : host.reason);
      }

      const route = feed.current().route(host);
      if (typeof route === "string") {
        return turnedAway(request, id, host, route);
      }
      const { policy, program, instance } = route;

      const peer = unmapped(server.requestIP(request)?.address ?? UNKNOWN_ADDRESS);
      const client = trusted.client(peer, headers.get("x-forwarded-for"));
      let groups: readonly string[] | null = null;
      let spent: readonly CredentialLocation[] = NOTHING_SPENT;
      if (policy !== null) {
        const presented = new RequestCredentials(request);
        const found = identify(policy, presented, parseIpv4(client), Date.now() / 1000);
        const identity = found instanceof Promise ? await found : found;
        const decision = decide(policy, identity, program, instance);
        if (!decision.allow) {
          return turnedAway(request, id, host, decision.reason, decision);
        }
        if (decision.reason === "granted") {
          groups = grantingGroups(policy, identity, program, instance);
        }
        spent = identity.spent;
      }

      if (route.port === NO_PORT || isForbidden(route.address.text, route.port)) {
        return turnedAway(request, id, host, "no_upstream");
      }
      if (isWebSocketUpgrade(headers)) {
        return turnedAway(request, id, host, "upgrade_unsupported");
      }

      // A quiet stream may last; the limit belongs to the connection, which has to have it back.
      server.timeout(request, 0);
      const response = await forwarder.forward(request, {
        route,
        requestId: id,
        target,
        peer,
        peerTrusted: trusted.trusts(peer),
        client,
        groups,
        spent,
        ended: () => server.timeout(request, idleS),
      });
      return typeof response === "string" ? turnedAway(request, id, host, response) : response;
    } catch (error) {
      log.error({ requestId: id, err: error }, "request failed in the gate");
      return refused(request, id, "internal_error");
    }
  }

  /** Refused after it was known what was asked for: an operator finds it in the log. */
  function turnedAway(
    request: Request,
    id: string,
    { project, container, program, instance }: DirectHost,
    reason: RefusalReason,
    denial?: Denial,
  ): Response {
    const refusal = { requestId: id, reason, program, instance, project, container };
    refusals.note(refusal, performance.now());
    return refused(request, id, reason, denial);
  }

  if (process.env[FETCHES_MAX_VARIABLE] === undefined) {
    log.warn(
      { variable: FETCHES_MAX_VARIABLE },
      "at most 256 requests are forwarded at a time unless this variable is set when the process starts",
    );
  }
  await feed.start();
  const server = Bun.serve({
    hostname: options.hostname,
    port: options.port,
    development: false,
    // Unless told, `development: false` shares the port with whoever else asks for it (seen in Bun 1.4.5).
    reusePort: false,
    idleTimeout: idleS,
    // Bodies are streamed, never kept: how large they may be is the upstream's affair.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch: handle,
    error(error) {
      log.error({ err: error }, "response failed in the gate");
      return refuse("internal_error", { requestId: requestId(), accept: null, hasBody: true });
    },
  });

  return {
    hostname: server.hostname ?? options.hostname,
    port: server.port ?? options.port,
    revision: () => feed.current().revision,
    reached: (revision, waitMs) => feed.reached(revision, waitMs),
    async stop(abort = false) {
      feed.stop();
      await server.stop(abort);
      forwarder.stop();
    },
  };
}

const NOTHING_SPENT: readonly CredentialLocation[] = [];

function refused(request: Request, id: string, reason: RefusalReason, denial?: Denial): Response {
  const accept = request.headers.get("accept");
  const hasBody = announcesBody(request.headers);
  return refuse(reason, { requestId: id, accept, hasBody }, denial);
}

/** The runtime drops the body of such a request without a trace; forwarding it without would change its meaning. */
function isBodiless(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

/** The runtime has checked the framing: one Content-Length or `chunked`, never both. */
function announcesBody(headers: Headers): boolean {
  const length = headers.get("content-length");
  return (length !== null && length !== "0") || headers.get("transfer-encoding") !== null;
}

/** Exactly one protocol; in any other case the header is dropped and the request is an ordinary one (RFC 9110 §7.8). */
function isWebSocketUpgrade(headers: Headers): boolean {
  return headers.get("upgrade")?.toLowerCase() === "websocket";
}
