// The way of a request through the gate, for every edge: begin, admit, carry out.
import type { Log } from "../log.ts";
import type { Carried, Pipeline } from "./edge/edge.ts";
import type { ActiveExchange, ClientConnection } from "./exchange/active-exchange.ts";
import type { ActiveExchanges } from "./exchange/active-exchanges.ts";
import { Exchange, type ExchangeWatch } from "./exchange/exchange.ts";
import { refused, refusedWhileActive } from "./exchange/refusing.ts";
import { requestId } from "./exchange/request-id.ts";
import { traceId } from "./exchange/trace-context.ts";
import {
  type Admission,
  type AdmissionContext,
  type Admitted,
  admit,
  type Rejected,
} from "./gate/admission.ts";
import { type Refusal, refusal } from "./gate/refusal.ts";
import type { RequestHead } from "./gate/request-head.ts";
import { type HookOutcome, runHook } from "./hooks/hook-run.ts";
import type { HookScripts } from "./hooks/hook-script.ts";
import { isBuiltIn } from "./routing/program-ports.ts";
import type { Snapshot } from "./snapshot/snapshot.ts";
import type { ForwardedRequest, Outcome, Reply, Upstream } from "./upstream/upstream.ts";

export interface RequestPipelineOptions {
  readonly context: AdmissionContext;
  /** The latest snapshot. */
  readonly current: () => Snapshot;
  readonly active: ActiveExchanges;
  readonly scripts: HookScripts;
  /** How long a body may take that is held for an open hook, in milliseconds. */
  readonly heldBodyMs: number;
  readonly watch: ExchangeWatch;
  /** Called with how the run of a hook ended. */
  readonly hookRan: (outcome: HookOutcome) => void;
  readonly log: Log;
}

export class RequestPipeline implements Pipeline {
  readonly #options: RequestPipelineOptions;

  constructor(options: RequestPipelineOptions) {
    this.#options = options;
  }

  begin({ method, peer }: RequestHead): Exchange {
    return new Exchange(this.#options.watch, requestId(), method, peer);
  }

  admit(head: RequestHead, exchange: Exchange): Admission | Promise<Admission> {
    const { context, current } = this.#options;
    try {
      exchange.target = head.target;
      exchange.traceparent = head.headers.get("traceparent");
      exchange.traceId = traceId(exchange.traceparent);
      const admission = admit(head, context, current(), Date.now());
      return admission instanceof Promise
        ? admission.then(
            (later) => recorded(exchange, later),
            (error: unknown) => this.#rejectedBy(error, exchange),
          )
        : recorded(exchange, admission);
    } catch (error) {
      return this.#rejectedBy(error, exchange);
    }
  }

  carryOut<C extends ClientConnection, R extends Reply>(
    admission: Admission,
    carried: Carried<C, R>,
  ): Outcome<R> | Promise<Outcome<R>> {
    const { exchange } = carried;
    if (admission.kind === "rejected") {
      return refused(exchange, admission.refusal);
    }
    let active: ActiveExchange | null = null;
    try {
      active = this.#begun(admission, carried);
      const outcome = this.#asked(admission, active, carried);
      return outcome instanceof Promise ? this.#awaited(outcome, active) : settled(outcome, active);
    } catch (error) {
      return this.#failed(error, exchange, active);
    }
  }

  #begun<C extends ClientConnection, R extends Reply>(
    { request, result, snapshot, hook }: Admitted,
    { exchange, client, internal }: Carried<C, R>,
  ): ActiveExchange {
    exchange.hookId = hook === null ? null : hook.hook.id;
    const active = this.#options.active.begin(exchange, request, result, snapshot, client);
    if (internal !== null) {
      active.followCaller(internal.caller);
    }
    return active;
  }

  /** Asks the hook's script, the built-in program or the upstream. */
  #asked<C extends ClientConnection, R extends Reply>(
    admitted: Admitted,
    active: ActiveExchange,
    { head, client, upstream, internal }: Carried<C, R>,
  ): Outcome<R> | Promise<Outcome<R>> {
    const held = internal === null ? null : internal.body;
    const forwarded = { active, head, admitted, held, internal, detour: null };
    const match = admitted.hook;
    if (match === null) {
      return isBuiltIn(admitted.result.route)
        ? upstream.answerBuiltIn(client, forwarded)
        : asked(upstream, client, forwarded);
    }
    const { scripts, heldBodyMs, context, hookRan } = this.#options;
    const ask = (request: ForwardedRequest) => asked(upstream, client, request);
    return runHook({
      match,
      forwarded,
      detour: (request) => scripts.detour(match, request, Date.now()),
      script: ask,
      program: isBuiltIn(admitted.result.route)
        ? (request: ForwardedRequest) => upstream.answerBuiltIn(client, request)
        : ask,
      holdBody: (request) => upstream.holdBody(client, request, heldBodyMs),
      isForbidden: context.isForbidden,
      ran: hookRan,
    });
  }

  async #awaited<R extends Reply>(
    outcome: Promise<Outcome<R>>,
    active: ActiveExchange,
  ): Promise<Outcome<R>> {
    try {
      return settled(await outcome, active);
    } catch (error) {
      return this.#failed(error, active.exchange, active);
    }
  }

  #rejectedBy(error: unknown, exchange: Exchange): Rejected {
    this.#log(error, exchange);
    return { kind: "rejected", refusal: refusal("internal_error"), authorized: null };
  }

  /** An error of the gate itself. The exchange is over in this case, too. */
  #failed(error: unknown, exchange: Exchange, active: ActiveExchange | null): Refusal {
    this.#log(error, exchange);
    active?.end("broken");
    return refused(exchange, refusal("internal_error"));
  }

  #log(error: unknown, { requestId }: Exchange): void {
    this.#options.log.error({ requestId, err: error }, "request failed in the gate");
  }
}

/** Asks the upstream in the way that the request was admitted. */
function asked<C extends ClientConnection, R extends Reply>(
  upstream: Upstream<C, R>,
  client: C,
  forwarded: ForwardedRequest,
): Outcome<R> | Promise<Outcome<R>> {
  return forwarded.admitted.upgrade === "websocket"
    ? upstream.upgrade(client, forwarded)
    : upstream.forward(client, forwarded);
}

/** Notes in the record what the admission found out. */
function recorded(exchange: Exchange, admission: Admission): Admission {
  const authorized = admission.kind === "admitted" ? admission : admission.authorized;
  if (authorized !== null) {
    exchange.client = authorized.request.client;
    exchange.authorized(authorized.request, authorized.result);
  }
  return admission;
}

/** Notes the outcome. What was revoked before there was a response is refused for the reason of the revocation. */
function settled<R extends Reply>(outcome: Outcome<R>, active: ActiveExchange): Outcome<R> {
  const { exchange } = active;
  switch (outcome.kind) {
    case "answered":
      exchange.passes(outcome.reply.status);
      return outcome;
    case "handed_over":
      return outcome;
    case "refused":
      return refusedWhileActive(active, outcome);
  }
}
