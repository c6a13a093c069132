// Allowed upgrades: the upstream is asked first, and only what it agrees to is agreed with the client.
import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { BurstPace } from "../../guard/burst-pace.ts";
import { UnfinishedBytes } from "../../guard/unfinished-bytes.ts";
import type { Log } from "../../log.ts";
import { WebSocketConnection } from "../../websocket/connection.ts";
import { dial } from "../../websocket/dial.ts";
import { type HandshakeAnswer, shakeHands } from "../../websocket/handshake.ts";
import { messageBytesMax, type UpgradableClient } from "../edge/upgraded-connection.ts";
import type { ActiveExchange } from "../exchange/active-exchange.ts";
import { PlatformSignal } from "../exchange/stop-signal.ts";
import type { Refusal } from "../gate/refusal.ts";
import { removeHookHeaders } from "../hooks/hook-script.ts";
import type { ConnectionCount } from "../observe/metrics.ts";
import { destination, failureFields, failureMessage } from "../upstream/destination.ts";
import { requestHeaders } from "../upstream/request-headers.ts";
import { cleanResponseHeaders } from "../upstream/response-headers.ts";
import type { UpstreamTlsOptions } from "../upstream/tls.ts";
import {
  type Answered,
  answered,
  type ForwardedRequest,
  failed,
  HANDED_OVER,
  type HandedOver,
  type ResponseBody,
} from "../upstream/upstream.ts";
import { Relay, type RelayWatch, type UpstreamEnd } from "./relay.ts";
import { TcpUpstream } from "./tcp-upstream.ts";
import { headersOf, responseOf } from "./upgrade-response.ts";

export interface UpgraderOptions {
  /** How long connection and handshake may take together. */
  readonly responseHeaderMs: number;
  readonly upstreamTls: UpstreamTlsOptions;
  readonly responseBody: ResponseBody;
  readonly log: Log;
  readonly webSockets: ConnectionCount;
  readonly tunnels: ConnectionCount;
  /** Bytes of messages that programs have sent half of, over all WebSockets. */
  readonly halfMessagesBytesMax: number;
}

/** Header fields of the handshake itself. The others are passed on. */
const HANDSHAKE_HEADERS = [
  "sec-websocket-accept",
  "sec-websocket-extensions",
  "sec-websocket-key",
  "sec-websocket-protocol",
  "sec-websocket-version",
  "content-length",
  "date",
] as const;

/** Messages and control frames of a client in one turn of the event loop; some 2 µs each. */
const PACE = { perTurn: 256, resumedPerTurn: 4 } as const;

/** What the upstream agreed to. */
interface Agreed {
  readonly kind: "agreed";
  readonly upstream: UpstreamEnd;
  /** For the client's 101. */
  readonly headers: Headers;
}

export class Upgrader {
  readonly #options: UpgraderOptions;
  readonly #relays = new Set<Relay>();
  readonly #pace = new BurstPace(PACE);
  readonly #unfinished: UnfinishedBytes;
  #isGoingAway = false;

  constructor(options: UpgraderOptions) {
    this.#options = options;
    this.#unfinished = new UnfinishedBytes(options.halfMessagesBytesMax);
  }

  /** Asks the upstream for a WebSocket. One that answers otherwise is passed on as it answers. */
  async upgrade(
    client: UpgradableClient,
    received: Headers,
    forwarded: ForwardedRequest,
  ): Promise<Answered<Response> | HandedOver | Refusal> {
    const { signal, allowed } = forwarded.active;
    const { secure, settings } = allowed.route;
    // Over HTTP/2 a WebSocket begins otherwise (RFC 8441), which is not implemented.
    if (forwarded.detour === null && settings.isH2c && !secure) {
      return failed("upstream_unreachable");
    }
    const stopped = new PlatformSignal();
    signal.on(stopped);
    try {
      const agreed = await this.#agree(received, forwarded, stopped.signal);
      return agreed.kind === "agreed" ? this.#join(client, forwarded, agreed) : agreed;
    } finally {
      signal.off(stopped);
    }
  }

  /** Closes all with 1001, now and from now on; each is over within half a second. */
  goingAway(): void {
    this.#isGoingAway = true;
    for (const relay of this.#relays) {
      goAway(relay);
    }
  }

  async #agree(
    received: Headers,
    forwarded: ForwardedRequest,
    signal: AbortSignal,
  ): Promise<Agreed | Answered<Response> | Refusal> {
    const { responseHeaderMs, upstreamTls, responseBody } = this.#options;
    const { active, detour } = forwarded;
    const { address, port, secure } = destination(forwarded);
    const startedMs = performance.now();
    const ownMs = active.allowed.route.settings.responseHeaderMs ?? responseHeaderMs;
    const limitMs = detour === null ? ownMs : detour.timeoutMs;
    const { rejectUnauthorized: verify, ca = null } = upstreamTls;
    const dialled = await dial({
      host: address.text,
      port,
      tls: secure ? { serverName: address.text, verify, ca } : null,
      limitMs,
      signal,
    });
    if (dialled.kind !== "connected") {
      return this.#failed(dialled, forwarded, signal);
    }
    const { socket } = dialled;
    if (isTunnel(forwarded)) {
      active.exchange.upstreamMs = performance.now() - startedMs;
      const upstream = new TcpUpstream(socket);
      return { kind: "agreed", upstream, headers: withProtocol(new Headers(), null) };
    }
    const restMs = limitMs - (performance.now() - startedMs);
    const answer = await asked(received, forwarded, socket, restMs, signal);
    active.exchange.upstreamMs = performance.now() - startedMs;
    if (answer.kind === "silent" || answer.kind === "broken") {
      return this.#failed(answer, forwarded, signal);
    }
    if (answer.kind === "answered") {
      const response = responseOf(answer.message, socket, forwarded, responseBody);
      return response === null
        ? this.#failed({ kind: "broken", error: "status" }, forwarded, signal)
        : answered(response);
    }
    return {
      kind: "agreed",
      upstream: new WebSocketConnection(socket, answer.head, messageBytesMax),
      headers: headersFor(answer.message, answer.protocol, forwarded),
    };
  }

  #join(
    client: UpgradableClient,
    forwarded: ForwardedRequest,
    { upstream, headers }: Agreed,
  ): HandedOver | Refusal {
    const { active } = forwarded;
    const count = isTunnel(forwarded) ? this.#options.tunnels : this.#options.webSockets;
    const share = {
      client: active.exchange.client,
      pace: this.#pace,
      upstream: active.allowed.route.address.text,
      unfinished: this.#unfinished,
    };
    const relay = new Relay(upstream, this.#watch(active, count), share);
    active.signal.on({
      stopped: ({ kind }) => {
        if (kind === "revoked") {
          relay.cutOff("revoked", 1008, "access ended");
        } else if (kind === "silent") {
          relay.cutOff("broken", 1001, "silent for too long");
        }
      },
    });
    let upgraded = false;
    try {
      upgraded = client.acceptUpgrade(relay, headers);
    } finally {
      if (!upgraded) {
        relay.abandon();
      }
    }
    if (!upgraded) {
      return failed("upstream_unreachable");
    }
    active.handOver();
    active.exchange.passes(101);
    return HANDED_OVER;
  }

  /** Nothing here may hold on to the request: it would stay in memory as long as the connection lasts. */
  #watch(active: ActiveExchange, count: ConnectionCount): RelayWatch {
    return {
      opened: (relay) => {
        this.#relays.add(relay);
        count.opened();
        if (this.#isGoingAway) {
          goAway(relay);
        }
      },
      moved: (bytes) => {
        active.exchange.bytes += bytes;
        active.exchange.moves++;
      },
      over: (relay, how) => {
        if (this.#relays.delete(relay)) {
          count.closed();
        }
        active.end(how);
      },
    };
  }

  #failed(
    failure: Extract<HandshakeAnswer, { kind: "silent" | "broken" }>,
    forwarded: ForwardedRequest,
    signal: AbortSignal,
  ): Refusal {
    if (failure.kind === "silent") {
      return failed("upstream_timeout");
    }
    if (!signal.aborted) {
      this.#options.log.warn(failureFields(forwarded, failure.error), failureMessage(forwarded));
    }
    return failed("upstream_unreachable");
  }
}

/** Bytes of TCP, for which no script can answer. */
function isTunnel({ active, detour }: ForwardedRequest): boolean {
  return detour === null && active.allowed.route.program === "ssh";
}

function goAway(relay: Relay): void {
  relay.cutOff("complete", 1001, "going away");
}

async function asked(
  received: Headers,
  forwarded: ForwardedRequest,
  socket: Socket,
  limitMs: number,
  signal: AbortSignal,
): Promise<HandshakeAnswer> {
  const headers = requestHeaders(received, forwarded);
  const protocols = headers.get("sec-websocket-protocol");
  for (const name of HANDSHAKE_HEADERS) {
    headers.delete(name);
  }
  try {
    return await shakeHands({
      socket,
      target: destination(forwarded).target,
      headers: Object.fromEntries(headers),
      key: randomBytes(16).toString("base64"),
      protocols,
      limitMs,
      signal,
    });
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function headersFor(
  message: IncomingMessage,
  protocol: string | null,
  forwarded: ForwardedRequest,
): Headers {
  const headers = headersOf(message);
  cleanResponseHeaders(headers, forwarded);
  removeHookHeaders(headers);
  for (const name of HANDSHAKE_HEADERS) {
    headers.delete(name);
  }
  return withProtocol(headers, protocol);
}

/** Without this header the runtime agrees to the first protocol that the client offers; with an empty one, to none. */
function withProtocol(headers: Headers, protocol: string | null): Headers {
  headers.set("sec-websocket-protocol", protocol ?? "");
  return headers;
}
