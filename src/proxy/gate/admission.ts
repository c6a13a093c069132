// Admission: everything between a request head and "may go on", as one function that every edge and explain call.
import type { SignatureBudget } from "../../policy/signature-budget.ts";
import { type Alias, aliasedTarget, fixesQuery } from "../routing/alias.ts";
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
import { type TrustedProxies, UNKNOWN_ADDRESS } from "./client-address.ts";
import { RequestCredentials, targetWithout } from "./credentials.ts";
import { type HookMatch, matchRequest } from "./hook-admission.ts";
import { httpsLocation } from "./https-redirect.ts";
import { isPreflight } from "./preflight.ts";
import {
  type Denial,
  httpsRequired,
  type Refusal,
  type RefusalReason,
  refusal,
} from "./refusal.ts";
import type { RequestHead } from "./request-head.ts";

/** What admission asks besides the request and the snapshot. */
export interface AdmissionContext {
  readonly parseHost: (header: string | null) => HostName;
  readonly trusted: TrustedProxies;
  /** The port of HTTPS that clients of the plain listener are sent to; null: it serves them. */
  readonly redirectPort: () => number | null;
  /** Whether one of our own listeners has this address and port: it is never dialled. */
  readonly isForbidden: (address: string, port: number) => boolean;
  /** Counts a wrong credential that this client presents to this container. False when it has presented too many. */
  readonly mayFail: (client: string, container: string) => boolean;
  /** Bounds the signature checks of a client in one turn of the event loop; null: not bounded. */
  readonly signatures: SignatureBudget | null;
  /** Whether one more exchange of this container and client may become active. */
  readonly hasRoom: (container: string, client: string) => boolean;
  /** Whether the request carries a valid bypass token of this container, and so meets no hook. */
  readonly bypassesHooks: (headers: HeaderReader, container: string, nowMs: number) => boolean;
}

/** The request may be carried out. */
export interface Admitted {
  readonly kind: "admitted";
  readonly request: AuthorizationRequest;
  readonly result: Allowed;
  /** The snapshot that allowed it. */
  readonly snapshot: Snapshot;
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
 * argument. A promise only when the client must wait for a signature check; never rejects unless the context throws. `nowMs`: Unix milliseconds.
 */
export function admit(
  head: RequestHead,
  context: AdmissionContext,
  snapshot: Snapshot,
  nowMs: number,
): Admission | Promise<Admission> {
  // Programs may read a method in upper case, however it is spelled.
  if (METHODS_REFUSED.has(head.method.toUpperCase())) {
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
  const location = httpsLocation(head, host, received, context.trusted, context.redirectPort());
  if (location !== null) {
    return { kind: "rejected", refusal: httpsRequired(location), authorized: null };
  }
  const client =
    head.onBehalfOf ?? context.trusted.client(head.peer, headers.get("x-forwarded-for"));
  // A trusted proxy that does not say who it is: no ban by address could match.
  if (client === UNKNOWN_ADDRESS && head.peer !== UNKNOWN_ADDRESS) {
    return rejected("bad_request");
  }
  const request = {
    host,
    presented: new RequestCredentials(headers, received),
    client,
    isPreflight: isPreflight(head),
  };
  const result =
    head.kept?.find(snapshot, request, nowMs) ??
    authorize(snapshot, request, nowMs, context.signatures);
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
    const { host, wrongCredential } = result;
    // Only here: right credentials, and requests without any, are never held up by other people's failures.
    if (wrongCredential && host !== null && !context.mayFail(request.client, host.container)) {
      return rejected("too_many_failures", authorized);
    }
    return rejected(result.reason, authorized, result.denial);
  }
  head.kept?.keep(snapshot, request, result);
  const { route, alias } = result;
  const target = alias === null ? received : behindAlias(head, alias, received, result);
  if (target === null) {
    return rejected("unknown_host", authorized);
  }
  if (context.isForbidden(route.address.text, route.port)) {
    return rejected("no_upstream", authorized);
  }
  // Active exchanges have no timeout, so their number is capped.
  if (!context.hasRoom(result.host.container, request.client)) {
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
    snapshot,
    received,
    target,
    client: request.client,
    peerTrusted: head.onBehalfOf === null && context.trusted.trusts(head.peer),
    upgrade,
    hook: matchRequest(head, context, snapshot, result, target, nowMs),
  };
}

/** The target for the program; null where the alias does not lead there. */
function behindAlias(
  { method }: RequestHead,
  alias: Alias,
  received: RequestTarget,
  allowed: Allowed,
): RequestTarget | null {
  const { route, consumedCredentials } = allowed;
  // The body of a call says all that its link says: method, headers, URL.
  if (route.program === "curl" && fixesQuery(alias) && method !== "GET" && method !== "HEAD") {
    return null;
  }
  const target = aliasedTarget(alias, received, targetWithout(received, consumedCredentials));
  return target !== null && allowed.passedPreflight
    ? aliasedTarget(withoutQuery(alias), received, received)
    : target;
}

/** A query of the alias' own may be a credential, which goes to no program without the client's. */
function withoutQuery(alias: Alias): Alias {
  return alias.target === null ? alias : { ...alias, target: pathOf(alias.target) };
}

function rejected(
  reason: RefusalReason,
  authorized: Authorized | null = null,
  denial?: Denial,
): Rejected {
  return { kind: "rejected", refusal: refusal(reason, denial), authorized };
}
