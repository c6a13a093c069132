// Allowed upgrades: the upstream is asked first, and only what it agrees to is agreed with the client.
import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Log } from "../../log.ts";
import { WebSocketConnection } from "../../websocket/connection.ts";
import { dial } from "../../websocket/dial.ts";
import { type HandshakeAnswer, shakeHands } from "../../websocket/handshake.ts";
import type { Live } from "../exchange/active-exchanges.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { removeHookHeaders } from "../hooks/hook-route.ts";
import type { ConnectionCount } from "../observe/metrics.ts";
import { destination, type Forwarded, requestHeaders } from "../upstream/fetch-upstream.ts";
import { removeHopByHop } from "../upstream/header-rules.ts";
import type { UpstreamTlsOptions } from "../upstream/tls.ts";
import { Relay, type RelayWatch, type UpstreamEnd } from "./relay.ts";
import { TcpEnd } from "./tcp-upstream.ts";
import { answerOf, headersOf } from "./upgrade-response.ts";

export interface UpgraderOptions {
  /** How long connection and handshake may take together. */
  readonly responseHeaderMs: number;
  readonly upstreamTls: UpstreamTlsOptions;
  readonly log: Log;
  readonly webSockets: ConnectionCount;
  readonly tunnels: ConnectionCount;
}

/** Either direction. A whole message has to be held, since the other side may only be told of it when it is whole. */
export const messageBytesMax = 64 * 1024 * 1024;

/** Of the 101: what the handshake is made of. The rest is passed on. */
const HANDSHAKE_HEADERS = [
  "sec-websocket-accept",
  "sec-websocket-extensions",
  "sec-websocket-key",
  "sec-websocket-protocol",
  "sec-websocket-version",
  "content-length",
  "date",
] as const;

type NoUpstream = "upstream_unreachable" | "upstream_timeout";

/** What the upstream agreed to. */
interface Agreed {
  readonly upstream: UpstreamEnd;
  /** For the client's 101. */
  readonly headers: Headers;
}

export class Upgrader {
  readonly #options: UpgraderOptions;
  readonly #relays = new Set<Relay>();
  #isGoingAway = false;

  constructor(options: UpgraderOptions) {
    this.#options = options;
  }

  /** For Bun.serve. */
  readonly handler: Bun.WebSocketHandler<Relay> = {
    maxPayloadLength: messageBytesMax,
    // Nothing is ever dropped: who sends looks at what waits.
    backpressureLimit: 0,
    // A quiet connection is the upstream's affair, and so are pings.
    idleTimeout: 0,
    sendPings: false,
    // Not offered upstream, so nobody would gain but the bytes between us and the client, at much CPU.
    perMessageDeflate: false,
    open: (client) => client.data.joined(client),
    message: (client, message) => client.data.fromClient(message),
    ping: (client, data) => client.data.clientPing(data),
    pong: (client, data) => client.data.clientPong(data),
    drain: (client) => client.data.clientDrained(client),
    close: (client, code, reason) => client.data.clientClosed(code, reason),
  };

  /**
   * Undefined: the request is a connection now. A Response: the upstream has it otherwise. Otherwise why there is
   * neither.
   */
  async upgrade(
    request: Request,
    server: Bun.Server<Relay>,
    forwarded: Forwarded,
  ): Promise<Response | undefined | NoUpstream> {
    const wanted = new AbortController();
    const unwanted = () => wanted.abort();
    request.signal.addEventListener("abort", unwanted);
    if (request.signal.aborted) {
      unwanted();
    }
    forwarded.live.whenRevoked(unwanted);
    try {
      const agreed = await this.#agree(request, forwarded, wanted.signal);
      return typeof agreed === "string" || agreed instanceof Response
        ? agreed
        : this.#join(request, server, forwarded, agreed);
    } finally {
      request.signal.removeEventListener("abort", unwanted);
    }
  }

  /** Tells everybody (1001), now and from now on; each is over within half a second. */
  goingAway(): void {
    this.#isGoingAway = true;
    for (const relay of this.#relays) {
      goAway(relay);
    }
  }

  async #agree(
    request: Request,
    forwarded: Forwarded,
    signal: AbortSignal,
  ): Promise<Agreed | Response | NoUpstream> {
    const { responseHeaderMs, upstreamTls } = this.#options;
    const { hooked } = forwarded;
    const { address, port, secure } = destination(forwarded);
    const startedMs = performance.now();
    const limitMs = hooked === null ? responseHeaderMs : hooked.hook.timeoutMs;
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
      forwarded.exchange.upstreamMs = performance.now() - startedMs;
      return { upstream: new TcpEnd(socket), headers: withProtocol(new Headers(), null) };
    }
    const restMs = limitMs - (performance.now() - startedMs);
    const answer = await asked(request, forwarded, socket, restMs, signal);
    forwarded.exchange.upstreamMs = performance.now() - startedMs;
    if (answer.kind === "silent" || answer.kind === "broken") {
      return this.#failed(answer, forwarded, signal);
    }
    if (answer.kind === "answered") {
      return (
        answerOf(answer.message, socket, request.signal, forwarded) ??
        this.#failed({ kind: "broken", error: "status" }, forwarded, signal)
      );
    }
    return {
      upstream: new WebSocketConnection(socket, answer.head, messageBytesMax),
      headers: headersFor(answer.message, answer.protocol),
    };
  }

  #join(
    request: Request,
    server: Bun.Server<Relay>,
    forwarded: Forwarded,
    { upstream, headers }: Agreed,
  ): undefined | NoUpstream {
    const { live, exchange } = forwarded;
    const count = isTunnel(forwarded) ? this.#options.tunnels : this.#options.webSockets;
    const relay = new Relay(upstream, this.#watch(live, exchange, count));
    live.whenRevoked(() => relay.cutOff("revoked", 1008, "access ended"));
    let upgraded = false;
    try {
      upgraded = server.upgrade(request, { data: relay, headers });
    } finally {
      if (!upgraded) {
        relay.abandon();
      }
    }
    if (!upgraded) {
      return "upstream_unreachable";
    }
    exchange.passes(101);
    return undefined;
  }

  /** Nothing here may hold on to the request: it would stay as long as the connection does. */
  #watch(live: Live, exchange: Exchange, count: ConnectionCount): RelayWatch {
    return {
      opened: (relay) => {
        this.#relays.add(relay);
        count.opened();
        if (this.#isGoingAway) {
          goAway(relay);
        }
      },
      moved: (bytes) => {
        exchange.bytes += bytes;
      },
      over: (relay, how) => {
        if (this.#relays.delete(relay)) {
          count.closed();
        }
        live.end();
        exchange.ended(live.revoked === null ? how : "revoked");
      },
    };
  }

  #failed(
    failure: Extract<HandshakeAnswer, { kind: "silent" | "broken" }>,
    forwarded: Forwarded,
    signal: AbortSignal,
  ): NoUpstream {
    if (failure.kind === "silent") {
      return "upstream_timeout";
    }
    if (!signal.aborted) {
      const { requestId } = forwarded.exchange;
      const { address, port } = destination(forwarded);
      this.#options.log.warn(
        { requestId, address: address.text, port, error: failure.error },
        forwarded.hooked === null ? "upstream failed" : "hook failed",
      );
    }
    return "upstream_unreachable";
  }
}

/** Bytes of TCP, which no script can stand in for. */
function isTunnel({ live, hooked }: Forwarded): boolean {
  return hooked === null && live.allowed.route.program === "ssh";
}

function goAway(relay: Relay): void {
  relay.cutOff("complete", 1001, "going away");
}

async function asked(
  request: Request,
  forwarded: Forwarded,
  socket: Socket,
  limitMs: number,
  signal: AbortSignal,
): Promise<HandshakeAnswer> {
  const headers = requestHeaders(request, forwarded);
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

function headersFor(message: IncomingMessage, protocol: string | null): Headers {
  const headers = headersOf(message);
  removeHopByHop(headers);
  removeHookHeaders(headers);
  for (const name of HANDSHAKE_HEADERS) {
    headers.delete(name);
  }
  return withProtocol(headers, protocol);
}

/** Unless told, the runtime agrees to the first that the client offers; told nothing of length, it says nothing. */
function withProtocol(headers: Headers, protocol: string | null): Headers {
  headers.set("sec-websocket-protocol", protocol ?? "");
  return headers;
}
