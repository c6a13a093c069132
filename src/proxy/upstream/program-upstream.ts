// How requests of platform edges reach programs: plain HTTP over connections of our own, HTTPS over fetch.
import type { Refusal } from "../gate/refusal.ts";
import type { FetchUpstream } from "./fetch-upstream.ts";
import { Forwarding, type ForwardingOptions } from "./forwarding.ts";
import type { H2cPool } from "./h2c/h2c-pool.ts";
import { H2cCall } from "./h2c-call.ts";
import { Http1Call } from "./http1-call.ts";
import type { RawPool } from "./raw/raw-pool.ts";
import type { ClientRequest } from "./request-body.ts";
import type { Answered, ForwardedRequest } from "./upstream.ts";
import type { CallMaker } from "./upstream-call.ts";

/** Connections to programs; their owner closes them. */
export interface Pools {
  readonly raw: RawPool;
  readonly h2c: H2cPool;
}

export class ProgramUpstream {
  readonly #fetch: FetchUpstream;
  readonly #options: ForwardingOptions;
  readonly #http1: CallMaker;
  readonly #h2c: CallMaker;

  constructor(fetch: FetchUpstream, { raw, h2c }: Pools, options: ForwardingOptions) {
    this.#fetch = fetch;
    this.#options = options;
    this.#http1 = (receiver) => new Http1Call(raw, receiver);
    this.#h2c = (receiver) => new H2cCall(h2c, receiver);
  }

  /** The upstream's response as it arrives. Cut off when the exchange is stopped. */
  forward(
    request: ClientRequest,
    forwarded: ForwardedRequest,
  ): Promise<Answered<Response> | Refusal> {
    const { secure, settings } = forwarded.active.allowed.route;
    const isDetour = forwarded.detour !== null;
    if (secure && !isDetour) return this.#fetch.forward(request, forwarded);
    const makeCall = settings.isH2c && !isDetour ? this.#h2c : this.#http1;
    return new Forwarding(request, forwarded, this.#options, makeCall).outcome;
  }

  /** Closes idle connections of fetch and stops the timeouts; the pools are their owner's. */
  stop(): void {
    this.#fetch.stop();
  }
}
