// A request of Bun.serve as the gate reads it. The runtime's habits with requests are known here only.
import type { ActiveExchange, ClientConnection } from "../../exchange/active-exchange.ts";
import type { ListenerScope, RequestHead } from "../../gate/request-head.ts";
import { type UpgradeRequest, upgradeRequest } from "../../gate/upgrade-request.ts";
import { type RequestTarget, withoutFragment } from "../../routing/request-target.ts";
import { hasTwoLengths } from "../../upstream/framing.ts";
import type { UpgradableClient, UpgradedConnection } from "../upgraded-connection.ts";

/** Head and connection of one request, in one object. */
export class BunServeRequest
  implements RequestHead, ClientConnection, UpgradableClient, EventListenerObject
{
  readonly request: Request;
  readonly method: string;
  readonly headers: Headers;
  readonly target: RequestTarget | null;
  readonly peer: string;
  readonly listener: ListenerScope;
  readonly kept = null;
  readonly onBehalfOf = null;
  readonly #server: Bun.Server<UpgradedConnection>;
  readonly #idleS: number;
  #active: ActiveExchange | null = null;
  /** The connection is a WebSocket's, which has no idle limit. */
  #upgraded = false;

  /** `peer`: address of the socket peer, see `RequestHead`. `idleS`: the idle limit of connections, in seconds. */
  constructor(
    request: Request,
    peer: string,
    server: Bun.Server<UpgradedConnection>,
    listener: ListenerScope,
    idleS: number,
  ) {
    this.request = request;
    this.method = request.method;
    this.headers = request.headers;
    this.target = targetOf(request.url);
    this.peer = peer;
    this.listener = listener;
    this.#server = server;
    this.#idleS = idleS;
  }

  get host(): string | null {
    return this.headers.get("host");
  }

  /** The runtime drops the body of GET and HEAD without a trace; forwarding them without it would change their meaning. */
  get isWellFormed(): boolean {
    const losesBody = (this.method === "GET" || this.method === "HEAD") && this.hasBody;
    return !hasTwoLengths(this.headers) && !losesBody;
  }

  /** The runtime has checked the framing: one Content-Length or `chunked`, never both; HTTP/2 needs neither. */
  get hasBody(): boolean {
    const length = this.headers.get("content-length");
    return length === null
      ? this.headers.get("transfer-encoding") !== null || this.#isReadable
      : length !== "0";
  }

  /** The body where some of it may still be arriving and no one reads it; null: there is none. */
  get unreadBody(): ReadableStream<Uint8Array> | null {
    return this.hasBody && this.#isReadable ? this.request.body : null;
  }

  /** The runtime gives no body to GET and HEAD. */
  get #isReadable(): boolean {
    const { method, request } = this;
    return method !== "GET" && method !== "HEAD" && request.body != null && !request.body.locked;
  }

  get upgrade(): UpgradeRequest {
    return upgradeRequest(this.method, this.headers);
  }

  /** The runtime's idle limit also ends quiet responses: it is off while the exchange runs. */
  exchangeBegan(active: ActiveExchange): void {
    this.#server.timeout(this.request, 0);
    this.#active = active;
    const { signal } = this.request;
    signal.addEventListener("abort", this);
    if (signal.aborted) {
      active.clientGone();
    }
  }

  exchangeEnded(): void {
    this.#active = null;
    if (!this.#upgraded) {
      this.#server.timeout(this.request, this.#idleS);
    }
  }

  /** The client went away. */
  handleEvent(): void {
    this.#active?.clientGone();
  }

  acceptUpgrade(connection: UpgradedConnection, headers: Headers): boolean {
    const { signal } = this.request;
    // The connection outlives the request, which must not learn of its end.
    signal.removeEventListener("abort", this);
    this.#upgraded = true;
    this.#upgraded = this.#server.upgrade(this.request, { data: connection, headers });
    if (!this.#upgraded && signal.aborted) {
      this.#active?.clientGone();
    }
    return this.#upgraded;
  }
}

/** The target in the runtime's URL of a request; null when there is no path. */
export function targetOf(url: string): RequestTarget | null {
  // A well-formed Host gives `http://host/…`; what the runtime could not combine with the Host is the path alone.
  const path = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("://") + 3);
  return path === -1 ? null : withoutFragment(url.slice(path));
}
