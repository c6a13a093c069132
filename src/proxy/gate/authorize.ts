import type { CredentialLocation } from "../../policy/credential-location.ts";
import type { CredentialReader } from "../../policy/credential-reader.ts";
import { couldBeGranted, type Decision, decide, grantingGroups } from "../../policy/decide.ts";
import { type Identity, identify, type PresentedCredentials } from "../../policy/identify.ts";
import { parseAddressKey } from "../../policy/ip-range.ts";
import type { SignatureBudget } from "../../policy/signature-budget.ts";
import type { Alias } from "../routing/alias.ts";
import type { AliasHost, DirectHost } from "../routing/host.ts";
import { isBuiltIn, NO_PORT } from "../routing/program-ports.ts";
import type { Route, Snapshot } from "../snapshot/snapshot.ts";
import type { Denial, RefusalReason } from "./refusal.ts";

/** Everything that decides about a request. Kept while its exchange is active, which may be authorized again. */
export interface AuthorizationRequest {
  readonly host: DirectHost | AliasHost;
  readonly presented: PresentedCredentials;
  /** The client's address. */
  readonly client: string;
  /** It is a CORS preflight. */
  readonly isPreflight: boolean;
}

/** The request may go where `route` leads. */
export interface Allowed {
  readonly allow: true;
  /** The host that it was authorized for; behind an alias, the one that the alias leads to. */
  readonly host: DirectHost;
  readonly alias: Alias | null;
  readonly route: Route;
  /** Names of the groups that granted it; null when no group did. */
  readonly groups: readonly string[] | null;
  /** The credentials that matched, or in a preflight that passes all that are read: they are removed before the request is forwarded. */
  readonly consumedCredentials: readonly CredentialLocation[];
  /**
   * Where a group granted it, the places where its policy reads JWTs: programs that trust the gate find at them what was verified, or
   * nothing. None where no group did: those programs judge for themselves. In a preflight that passes all places that are read.
   */
  readonly jwtSources: readonly CredentialLocation[];
  /** Those of them where nothing was verified: what is there is removed, too. */
  readonly unverifiedSources: readonly CredentialLocation[];
  /** It is a preflight that no group grants, sent on because one could. It carries no credentials of any kind. */
  readonly passedPreflight: boolean;
  /** Unix milliseconds at which a token or the alias expires and it must be authorized again; Infinity: never. */
  readonly untilMs: number;
  /** It also holds a JWT outside its time: see `Identity.untimely`. */
  readonly untimely: boolean;
  /** Whom a credential names that matched; null: none does. For logs only. */
  readonly subject: string | null;
}

export interface NotAllowed {
  readonly allow: false;
  /** The host that it was authorized for; null for an alias that leads nowhere. */
  readonly host: DirectHost | null;
  readonly reason: RefusalReason;
  readonly denial: Denial | undefined;
  /** Whether a credential was presented that matches nothing: see `Identity.wrong`. */
  readonly wrongCredential: boolean;
  /** Whether pages of other origins may read the refusal. */
  readonly isReadable: boolean;
  /** Whom a credential names that matched; null: none does. For logs only. */
  readonly subject: string | null;
}

export type AuthorizationResult = Allowed | NotAllowed;

const NO_LOCATIONS: readonly CredentialLocation[] = [];

/**
 * The rows of the README's table (One request) from the alias to the port, at one snapshot: route, identify, decide. A promise
 * only when `signatures` makes the client wait for a check, or, where it `waits`, when a long document has to be compiled.
 * `nowMs`: Unix milliseconds.
 */
export function authorize(
  snapshot: Snapshot,
  request: AuthorizationRequest,
  nowMs: number,
  signatures: SignatureBudget | null = null,
  waits = signatures !== null,
): AuthorizationResult | Promise<AuthorizationResult> {
  if (snapshot.closed !== null) {
    return refusal(request.host.kind === "alias" ? null : request.host, snapshot.closed);
  }
  const alias = request.host.kind === "alias" ? snapshot.alias(request.host.name, nowMs) : null;
  const host = request.host.kind === "alias" ? alias?.host : request.host;
  if (host === undefined) {
    return refusal(null, "unknown_host");
  }
  const route = snapshot.route(host, waits);
  if (typeof route === "string") {
    return route === "uncompiled"
      ? snapshot.compile(host).then(() => authorize(snapshot, request, nowMs, signatures, false))
      : refusal(host, route);
  }
  if (route.policy === null) {
    return passed(host, alias, route, null, null);
  }
  const found = identify(
    route.policy,
    request.presented,
    parseAddressKey(request.client),
    nowMs / 1000,
    request.client,
    signatures,
  );
  return found instanceof Promise
    ? found.then((identity) => decided(host, alias, route, identity, request.isPreflight))
    : decided(host, alias, route, found, request.isPreflight);
}

function decided(
  host: DirectHost,
  alias: Alias | null,
  route: Route,
  identity: Identity,
  isPreflight: boolean,
): AuthorizationResult {
  const { policy, program, instance } = route;
  if (policy === null) {
    return passed(host, alias, route, null, null);
  }
  const decision = decide(policy, identity, program, instance);
  if (!decision.allow) {
    const { passesPreflights } = policy;
    return passesPreflights && isPreflight && couldBeGranted(policy, identity, program, instance)
      ? passedPreflight(host, alias, route, policy.readers)
      : refusal(
          host,
          decision.reason,
          decision,
          identity.wrong,
          passesPreflights,
          identity.subject,
        );
  }
  const groups = decision.reason === "granted" ? grantingGroups(policy, decision) : null;
  return passed(host, alias, route, identity, groups);
}

function passedPreflight(
  host: DirectHost,
  alias: Alias | null,
  route: Route,
  readers: readonly CredentialReader[],
): AuthorizationResult {
  const result = passed(host, alias, route, null, null);
  const places = readers.map(({ location }) => location);
  return result.allow
    ? { ...result, consumedCredentials: places, jwtSources: places, passedPreflight: true }
    : result;
}

function passed(
  host: DirectHost,
  alias: Alias | null,
  route: Route,
  identity: Identity | null,
  groups: readonly string[] | null,
): AuthorizationResult {
  if (route.port === NO_PORT && !isAnsweredHere(route, groups)) {
    return refusal(host, "no_upstream", undefined, route.policy?.passesPreflights);
  }
  return {
    allow: true,
    host,
    alias,
    route,
    groups,
    consumedCredentials: identity === null ? NO_LOCATIONS : identity.consumedCredentials,
    jwtSources: (groups === null ? null : route.policy?.jwtSources) ?? NO_LOCATIONS,
    unverifiedSources: (groups === null ? null : identity?.unverifiedSources) ?? NO_LOCATIONS,
    passedPreflight: false,
    untimely: identity?.untimely === true,
    subject: identity === null ? null : identity.subject,
    untilMs: Math.min(
      alias === null ? Number.POSITIVE_INFINITY : alias.untilMs,
      identity === null ? Number.POSITIVE_INFINITY : identity.validUntilS * 1000,
    ),
  };
}

/** An open container is open, but who visits it is not everyone's to know: the log is only there for groups that grant it. */
function isAnsweredHere(route: Route, groups: readonly string[] | null): boolean {
  return isBuiltIn(route) && (route.program !== "logs" || groups !== null);
}

function refusal(
  host: DirectHost | null,
  reason: RefusalReason,
  denial?: Extract<Decision, { allow: false }>,
  wrongCredential = false,
  isReadable = false,
  subject: string | null = null,
): NotAllowed {
  return { allow: false, host, reason, denial, wrongCredential, isReadable, subject };
}
