// One request on a wire connection as the gate reads it.

import { Framing } from "../../../http1/message-head.ts";
import { Method, methodName } from "../../../http1/method.ts";
import { type ParsedRequestHead as ParsedHead, TargetForm } from "../../../http1/request-head.ts";
import type { ActiveExchange, ClientConnection } from "../../exchange/active-exchange.ts";
import type { Exchange } from "../../exchange/exchange.ts";
import type { KeptVerdict } from "../../gate/kept-verdict.ts";
import type { ListenerScope, RequestHead } from "../../gate/request-head.ts";
import { type UpgradeRequest, upgradeRequest } from "../../gate/upgrade-request.ts";
import type { RequestTarget } from "../../routing/request-target.ts";
import { headersOf } from "../../upstream/platform-headers.ts";
import type { ClientRequest } from "../../upstream/request-body.ts";
import type { BodyStart } from "../../upstream/unread-body.ts";
import type { ForwardedRequest, Upstream } from "../../upstream/upstream.ts";
import type { Carried } from "../edge.ts";
import type { UpgradableClient, UpgradedConnection } from "../upgraded-connection.ts";
import type { HeaderView } from "./header-view.ts";
import { percentEncoded } from "./percent-encoding.ts";
import { startOfBody } from "./received-start.ts";
import type { SameValue } from "./same-value.ts";
import type { ReceivedRequest } from "./upstream-head.ts";

/** The connection of a request. */
export interface Carrier {
  readonly peer: string;
  readonly listener: ListenerScope;
  readonly hostText: SameValue;
  readonly kept: KeptVerdict;
  /** Sends the request to its program and the response to the client, and ends the exchange. */
  forward(request: WireRequest, forwarded: ForwardedRequest): void;
  /** Asks the program for a WebSocket, and joins the two connections byte for byte. */
  tunnel(request: WireRequest, forwarded: ForwardedRequest): void;
  /** What came behind the head, of this request and the next; null: nothing. */
  readonly bodyStart: BodyStart | null;
  /** The body as a stream; null: there is none. */
  bodyOf(request: WireRequest): ReadableStream<Uint8Array<ArrayBuffer>> | null;
  accept(request: WireRequest, connection: UpgradedConnection, headers: Headers): boolean;
  began(request: WireRequest, active: ActiveExchange): void;
}

const NOT_ASCII = /[\x80-\xff]+/g;

/** Head, client and what is carried, in one object. Its strings are its own; `headers` are those of its connection, until it is over. */
export class WireRequest
  implements
    RequestHead,
    ReceivedRequest,
    ClientConnection,
    UpgradableClient,
    Carried<WireRequest, Response>
{
  readonly method: string;
  readonly target: RequestTarget | null;
  readonly targetStart: number;
  readonly targetEnd: number;
  readonly host: string | null;
  readonly headers: HeaderView;
  readonly lines: ParsedHead;
  readonly hasBody: boolean;
  readonly upgrade: UpgradeRequest;
  readonly isWellFormed: boolean;
  readonly peer: string;
  readonly listener: ListenerScope;
  readonly kept: KeptVerdict;
  readonly onBehalfOf = null;
  readonly upstream: Upstream<WireRequest, Response>;
  readonly internal = null;
  /** Set at once by whoever makes it. */
  exchange: Exchange;
  active: ActiveExchange | null = null;
  readonly #carrier: Carrier;
  #asked: ClientRequest | null = null;

  constructor(
    carrier: Carrier,
    lines: ParsedHead,
    headers: HeaderView,
    upstream: Upstream<WireRequest, Response>,
    begin: (head: RequestHead) => Exchange,
  ) {
    this.#carrier = carrier;
    this.lines = lines;
    this.headers = headers;
    this.upstream = upstream;
    this.peer = carrier.peer;
    this.listener = carrier.listener;
    this.kept = carrier.kept;
    this.method =
      lines.method === Method.other
        ? lines.latin1(lines.start, lines.methodEnd)
        : methodName(lines.method);
    this.host = lines.hostLine === -1 ? null : carrier.hostText.of(lines, lines.hostLine);
    this.hasBody = lines.framing !== Framing.none;
    // No handshake of a WebSocket has a body.
    this.upgrade = lines.isUpgrade ? upgradeRequest(this.method, headers) : "none";
    this.isWellFormed = agreesWithHost(lines) && !(this.upgrade !== "none" && this.hasBody);
    const form = lines.targetForm;
    this.targetStart = lines.pathStart;
    this.targetEnd = lines.targetEnd;
    const path = lines.latin1(lines.pathStart, lines.targetEnd);
    if (form !== TargetForm.origin && form !== TargetForm.absolute) {
      this.target = null;
    } else if (path.startsWith("/")) {
      this.target = inAscii(path);
    } else {
      // Of an absolute target; what goes upstream is in origin form.
      this.target = inAscii(`/${path}`);
      this.targetEnd = this.targetStart;
    }
    this.exchange = begin(this);
  }

  get head(): this {
    return this;
  }

  get client(): this {
    return this;
  }

  exchangeBegan(active: ActiveExchange): void {
    this.active = active;
    this.#carrier.began(this, active);
  }

  exchangeEnded(): void {}

  forward(forwarded: ForwardedRequest): void {
    this.#carrier.forward(this, forwarded);
  }

  tunnel(forwarded: ForwardedRequest): void {
    this.#carrier.tunnel(this, forwarded);
  }

  acceptUpgrade(connection: UpgradedConnection, headers: Headers): boolean {
    return this.#carrier.accept(this, connection, headers);
  }

  /** The same request for what takes the platform's objects. Its body can be read once. */
  asked(): ClientRequest {
    if (this.#asked !== null) return this.#asked;
    const { method } = this;
    const bodyStart = startOfBody(this.lines, this.#carrier.bodyStart);
    const body = this.#carrier.bodyOf(this);
    const asked = { method, headers: headersOf(this.lines), body, bodyStart };
    this.#asked = asked;
    return asked;
  }
}

/** Raw bytes beyond ASCII as the gate reads them: as a URL has them. What goes upstream are the bytes. */
function inAscii(target: string): string {
  return percentEncoded(target, NOT_ASCII, "latin1");
}

/** An absolute target names the host, too (RFC 9112 §3.2.2): both have to say the same. */
function agreesWithHost(lines: ParsedHead): boolean {
  if (lines.targetForm !== TargetForm.absolute || lines.hostLine === -1) return true;
  const authority = lines.latin1(lines.authorityStart, lines.authorityEnd);
  return authority.toLowerCase() === lines.value(lines.hostLine).toLowerCase();
}
