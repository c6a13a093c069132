// How requests of platform edges reach programs: plain HTTP over raw connections, HTTPS over fetch.
import type { Refusal } from "../gate/refusal.ts";
import type { FetchUpstream } from "./fetch-upstream.ts";
import { Forwarding, type ForwardingOptions } from "./forwarding.ts";
import type { ClientRequest } from "./request-body.ts";
import type { Answered, ForwardedRequest } from "./upstream.ts";

export class ProgramUpstream {
  readonly #fetch: FetchUpstream;
  readonly #options: ForwardingOptions;

  constructor(fetch: FetchUpstream, options: ForwardingOptions) {
    this.#fetch = fetch;
    this.#options = options;
  }

  /** The upstream's response as it arrives. Cut off when the exchange is stopped. */
  forward(
    request: ClientRequest,
    forwarded: ForwardedRequest,
  ): Promise<Answered<Response> | Refusal> {
    return forwarded.detour === null && forwarded.active.allowed.route.secure
      ? this.#fetch.forward(request, forwarded)
      : new Forwarding(request, forwarded, this.#options).outcome;
  }

  /** Closes idle connections of fetch and stops the timeouts; the pool is its owner's. */
  stop(): void {
    this.#fetch.stop();
  }
}
