// Programs as wire connections reach them: bytes to bytes where they speak plain HTTP, by Responses of the platform otherwise.
import { type Refusal, refusal } from "../../gate/refusal.ts";
import type { ClientRequest } from "../../upstream/request-body.ts";
import {
  type Answered,
  type ForwardedRequest,
  HANDED_OVER,
  type HandedOver,
  type HeldBody,
  type Outcome,
  type Upstream,
} from "../../upstream/upstream.ts";
import type { UpgradableClient } from "../upgraded-connection.ts";
import type { WireRequest } from "./wire-request.ts";

/** What answers with a Response. */
export interface PlatformUpstreams {
  forward(
    request: ClientRequest,
    forwarded: ForwardedRequest,
  ): Promise<Answered<Response> | Refusal>;
  upgrade(
    client: UpgradableClient,
    headers: Headers,
    forwarded: ForwardedRequest,
  ): Promise<Answered<Response> | HandedOver | Refusal>;
  answerBuiltIn(
    request: ClientRequest,
    forwarded: ForwardedRequest,
  ): Promise<Answered<Response> | Refusal>;
  holdBody(request: ClientRequest, forwarded: ForwardedRequest, limitMs: number): Promise<HeldBody>;
}

export class WireUpstream implements Upstream<WireRequest, Response> {
  readonly #platform: PlatformUpstreams;

  constructor(platform: PlatformUpstreams) {
    this.#platform = platform;
  }

  forward(
    client: WireRequest,
    forwarded: ForwardedRequest,
  ): Outcome<Response> | Promise<Outcome<Response>> {
    if (isPlain(forwarded)) {
      client.forward(forwarded);
      return HANDED_OVER;
    }
    const { method } = client;
    // The platform sends no body with these.
    if (client.hasBody && (method === "GET" || method === "HEAD")) return refusal("bad_request");
    return this.#platform.forward(client.asked(), forwarded);
  }

  upgrade(
    client: WireRequest,
    forwarded: ForwardedRequest,
  ): Outcome<Response> | Promise<Outcome<Response>> {
    const { program } = forwarded.active.allowed.route;
    if (isPlain(forwarded) && program !== "ssh") {
      client.tunnel(forwarded);
      return HANDED_OVER;
    }
    return this.#platform.upgrade(client, client.asked().headers, forwarded);
  }

  answerBuiltIn(client: WireRequest, forwarded: ForwardedRequest): Promise<Outcome<Response>> {
    return this.#platform.answerBuiltIn(client.asked(), forwarded);
  }

  holdBody(client: WireRequest, forwarded: ForwardedRequest, limitMs: number): Promise<HeldBody> {
    return this.#platform.holdBody(client.asked(), forwarded, limitMs);
  }
}

/** What a hook has a say in needs its response before the client gets any of it. */
function isPlain({ admitted, active, detour }: ForwardedRequest): boolean {
  const { secure, settings } = active.allowed.route;
  return detour === null && admitted.hook === null && !secure && !settings.isH2c;
}
