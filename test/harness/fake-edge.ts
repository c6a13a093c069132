// An edge of plain objects, without sockets and without the platform's requests and responses: what every edge needs, and no more.
import type { Carried, Pipeline } from "../../src/proxy/edge/edge.ts";
import type { ActiveExchange, ClientConnection } from "../../src/proxy/exchange/active-exchange.ts";
import { renderRefusal } from "../../src/proxy/gate/refusal-response.ts";
import type { RequestHead } from "../../src/proxy/gate/request-head.ts";
import { upgradeRequest } from "../../src/proxy/gate/upgrade-request.ts";
import type { Outcome, Upstream } from "../../src/proxy/upstream/upstream.ts";

export interface FakeReply {
  status: number;
  headers: Map<string, string>;
  body: string;
}

export class FakeClient implements ClientConnection {
  idleLimit = true;
  /** The exchange on this connection. */
  active: ActiveExchange | null = null;

  exchangeBegan(active: ActiveExchange): void {
    this.idleLimit = false;
    this.active = active;
  }

  exchangeEnded(): void {
    this.idleLimit = true;
  }
}

export type FakeUpstream = Upstream<FakeClient, FakeReply>;

export function fakeHead(
  host: string,
  init: { path?: string; method?: string; headers?: Record<string, string>; peer?: string } = {},
): RequestHead {
  const lines = new Map(Object.entries({ ...init.headers, host }));
  const headers = {
    get: (name: string) => lines.get(name) ?? null,
    forEach: (visit: (value: string, name: string) => void) => lines.forEach(visit),
  };
  const method = init.method ?? "GET";
  return {
    method,
    target: init.path ?? "/",
    host,
    headers,
    isWellFormed: true,
    hasBody: false,
    upgrade: upgradeRequest(method, headers),
    peer: init.peer ?? "127.0.0.1",
    listener: { scheme: "http", serves: () => true, transportSecurity: null },
    kept: null,
    onBehalfOf: null,
  };
}

/** Admits and carries out; a promise only where something has to be waited for. Null: the connection was handed over. */
export function serve(
  pipeline: Pipeline,
  upstream: FakeUpstream,
  head: RequestHead,
  client = new FakeClient(),
): FakeReply | null | Promise<FakeReply | null> {
  const exchange = pipeline.begin(head);
  const carried: Carried<FakeClient, FakeReply> = {
    head,
    exchange,
    client,
    upstream,
    internal: null,
  };
  const written = (outcome: Outcome<FakeReply>): FakeReply | null => {
    if (outcome.kind === "handed_over") return null;
    if (outcome.kind === "answered") return outcome.reply;
    const request = {
      requestId: exchange.requestId,
      accept: head.headers.get("accept"),
      hasBody: head.hasBody,
      origin: exchange.isReadable ? head.headers.get("origin") : null,
    };
    const { status, headers, body } = renderRefusal(outcome, request);
    const text = typeof body === "string" ? body : new TextDecoder().decode(body);
    return { status, headers: new Map(Object.entries(headers)), body: text };
  };
  const admission = pipeline.admit(head, exchange);
  if (admission instanceof Promise)
    return admission.then((later) => pipeline.carryOut(later, carried)).then(written);
  const outcome = pipeline.carryOut(admission, carried);
  return outcome instanceof Promise ? outcome.then(written) : written(outcome);
}
