// Admission: everything between a request head and "may go on", as one function that every edge and explain call.
import { type Alias, aliasedTarget } from "../routing/alias.ts";
import type { HeaderReader } from "../routing/header-reader.ts";
import type { HostName } from "../routing/host.ts";
import { isBuiltIn } from "../routing/program-ports.ts";
import { pathOf, type RequestTarget } from "../routing/request-target.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import {
  type Allowed,
  type AuthorizationRequest,
  type AuthorizationResult,
  authorize,
} from "./authorize.ts";
import type { TrustedProxies } from "./client-address.ts";
import { RequestCredentials } from "./credentials.ts";
import { type HookMatch, matchRequest } from "./hook-admission.ts";
import { isPreflight } from "./preflight.ts";
import { type Denial, type Refusal, type RefusalReason, refusal } from "./refusal.ts";
import type { RequestHead } from "./request-head.ts";

/** What admission asks besides the request and the snapshot. */
export interface AdmissionContext {
  readonly parseHost: (header: string | null) => HostName;
  readonly trusted: TrustedProxies;
  /** Whether one of our own listeners has this address and port: it is never dialled. */
  readonly isForbidden: (address: string, port: number) => boolean;
  /** Whether one more exchange of this container may become active. */
  readonly hasRoom: (container: string) => boolean;
  /** Whether the request carries a valid bypass token of this container, and so meets no hook. */
  readonly bypassesHooks: (headers: HeaderReader, container: string, nowMs: number) => boolean;
}

/** The request may be carried out. */
export interface Admitted {
  readonly kind: "admitted";
  readonly request: AuthorizationRequest;
  readonly result: Allowed;
  /** Revision of the snapshot that allowed it. */
  readonly revision: bigint;
  /** Target as received. */
  readonly received: RequestTarget;
  /** Target for the program: an alias may have changed it. Still carries the consumed credentials. */
  readonly target: RequestTarget;
  /** The client's address, or UNKNOWN_ADDRESS. */
  readonly client: string;
  /** Whether the forwarding headers of the peer are believed. */
  readonly peerTrusted: boolean;
  readonly upgrade: "none" | "websocket";
  /** The hook that answers in place of the program; null: none. */
  readonly hook: HookMatch | null;
}

/** The request is refused here. */
export interface Rejected {
  readonly kind: "rejected";
  readonly refusal: Refusal;
  /** Null when the request was refused before it could be authorized. */
  readonly authorized: Authorized | null;
}

/** An authorization with its result. */
export interface Authorized {
  readonly request: AuthorizationRequest;
  readonly result: AuthorizationResult;
}

export type Admission = Admitted | Rejected;

const METHODS_REFUSED: ReadonlySet<string> = new Set(["CONNECT", "TRACE"]);

/**
 * Decides whether a request may go on, in the order of the README's table (One request). Pure: everything it depends on is an
 * argument. A promise only when a signature must be checked; never rejects unless the context throws. `nowMs`: Unix milliseconds.
 */
export function admit(
  head: RequestHead,
  context: AdmissionContext,
  snapshot: Snapshot,
  nowMs: number,
): Admission | Promise<Admission> {
  if (METHODS_REFUSED.has(head.method)) {
    return rejected("method_not_allowed");
  }
  const { target: received, headers } = head;
  if (received === null || !head.isWellFormed) {
    return rejected("bad_request");
  }
  const host = context.parseHost(head.host);
  if (!head.listener.serves(host, head.host)) {
    return rejected("misdirected");
  }
  if (host.kind === "refused") {
    return rejected(host.reason);
  }
  const client =
    head.onBehalfOf ?? context.trusted.client(head.peer, headers.get("x-forwarded-for"));
  const request = {
    host,
    presented: new RequestCredentials(headers, received),
    client,
    isPreflight: isPreflight(head),
  };
  const result = authorize(snapshot, request, nowMs);
  return result instanceof Promise
    ? result.then((later) =>
        admitAuthorized(head, context, snapshot, nowMs, received, { request, result: later }),
      )
    : admitAuthorized(head, context, snapshot, nowMs, received, { request, result });
}

/** The checks that need an authorization. */
function admitAuthorized(
  head: RequestHead,
  context: AdmissionContext,
  snapshot: Snapshot,
  nowMs: number,
  received: RequestTarget,
  authorized: Authorized,
): Admission {
  const { request, result } = authorized;
  if (!result.allow) {
    return rejected(result.reason, authorized, result.denial);
  }
  const { route, alias } = result;
  const target = alias === null ? received : aliasedTarget(aliasFor(result, alias), received);
  if (target === null) {
    return rejected("unknown_host", authorized);
  }
  if (context.isForbidden(route.address.text, route.port)) {
    return rejected("no_upstream", authorized);
  }
  // Active exchanges have no timeout, so their number is capped.
  if (!context.hasRoom(result.host.container)) {
    return rejected("overloaded", authorized);
  }
  if (head.onBehalfOf !== null && isBuiltIn(route)) {
    return rejected("curl_nested", authorized);
  }
  const { upgrade } = head;
  if (upgrade === "bad_upgrade" || upgrade === "websocket_version") {
    return rejected(upgrade, authorized);
  }
  if (upgrade === "none" && route.program === "ssh") {
    return rejected("upgrade_required", authorized);
  }
  return {
    kind: "admitted",
    request,
    result,
    revision: snapshot.revision,
    received,
    target,
    client: request.client,
    peerTrusted: head.onBehalfOf === null && context.trusted.trusts(head.peer),
    upgrade,
    hook: matchRequest(head, context, snapshot, result, target, nowMs),
  };
}

/** A query of the alias' own may be a credential, which goes to no program without the client's. */
function aliasFor({ passedPreflight }: Allowed, alias: Alias): Alias {
  return passedPreflight && alias.target !== null
    ? { ...alias, target: pathOf(alias.target) }
    : alias;
}

function rejected(
  reason: RefusalReason,
  authorized: Authorized | null = null,
  denial?: Denial,
): Rejected {
  return { kind: "rejected", refusal: refusal(reason, denial), authorized };
}
