import { parseIpv4 } from "../../policy/address.ts";
import type { CredentialLocation } from "../../policy/credential-location.ts";
import { type Decision, decide, grantingGroups } from "../../policy/decide.ts";
import { type Identity, identify, type PresentedCredentials } from "../../policy/identify.ts";
import type { Alias } from "../routing/alias.ts";
import type { AliasHost, DirectHost } from "../routing/host.ts";
import { isBuiltIn, NO_PORT } from "../routing/program-ports.ts";
import type { Route, Snapshot } from "../snapshot/snapshot.ts";
import type { Denial, RefusalReason } from "./refusal.ts";

/** All that a request is judged by; kept as long as its connection lasts, which may be judged again. */
export interface Question {
  readonly host: DirectHost | AliasHost;
  readonly presented: PresentedCredentials;
  /** The client's address. */
  readonly client: string;
}

/** It may go where `route` leads. */
export interface Allowed {
  readonly allow: true;
  /** What it was judged as, behind an alias too. */
  readonly host: DirectHost;
  readonly alias: Alias | null;
  readonly route: Route;
  /** Names of the groups that granted it; null when no group did. */
  readonly groups: readonly string[] | null;
  /** Credentials that are not the upstream's business. */
  readonly spent: readonly CredentialLocation[];
  /** Unix milliseconds from which it has to be judged again: a token or an alias ends. Infinity: nothing does. */
  readonly untilMs: number;
}

export interface NotAllowed {
  readonly allow: false;
  /** What it was judged as; null for an alias that leads nowhere. */
  readonly host: DirectHost | null;
  readonly reason: RefusalReason;
  readonly denial: Denial | undefined;
}

export type Verdict = Allowed | NotAllowed;

const NOTHING_SPENT: readonly CredentialLocation[] = [];

/**
 * The rows of the README's table (One request) from the alias to the port, at one snapshot: route, identify, decide. A plain
 * value unless a signature has to be checked. `nowMs`: Unix milliseconds.
 */
export function judge(
  snapshot: Snapshot,
  question: Question,
  nowMs: number,
): Verdict | Promise<Verdict> {
  if (snapshot.closed !== null) {
    return refusal(question.host.kind === "alias" ? null : question.host, snapshot.closed);
  }
  const alias = question.host.kind === "alias" ? snapshot.alias(question.host.name, nowMs) : null;
  const host = question.host.kind === "alias" ? alias?.host : question.host;
  if (host === undefined) {
    return refusal(null, "unknown_host");
  }
  const route = snapshot.route(host);
  if (typeof route === "string") {
    return refusal(host, route);
  }
  if (route.policy === null) {
    return passed(host, alias, route, null, null);
  }
  const found = identify(
    route.policy,
    question.presented,
    parseIpv4(question.client),
    nowMs / 1000,
  );
  return found instanceof Promise
    ? found.then((identity) => decided(host, alias, route, identity))
    : decided(host, alias, route, found);
}

function decided(host: DirectHost, alias: Alias | null, route: Route, identity: Identity): Verdict {
  const { policy, program, instance } = route;
  if (policy === null) {
    return passed(host, alias, route, null, null);
  }
  const decision = decide(policy, identity, program, instance);
  if (!decision.allow) {
    return refusal(host, decision.reason, decision);
  }
  const groups = decision.reason === "granted" ? grantingGroups(policy, decision) : null;
  return passed(host, alias, route, identity, groups);
}

function passed(
  host: DirectHost,
  alias: Alias | null,
  route: Route,
  identity: Identity | null,
  groups: readonly string[] | null,
): Verdict {
  if (route.port === NO_PORT && !isBuiltIn(route)) {
    return refusal(host, "no_upstream");
  }
  return {
    allow: true,
    host,
    alias,
    route,
    groups,
    spent: identity === null ? NOTHING_SPENT : identity.consumedCredentials,
    untilMs: Math.min(
      alias === null ? Number.POSITIVE_INFINITY : alias.untilMs,
      identity === null ? Number.POSITIVE_INFINITY : identity.validUntilS * 1000,
    ),
  };
}

function refusal(
  host: DirectHost | null,
  reason: RefusalReason,
  denial?: Extract<Decision, { allow: false }>,
): NotAllowed {
  return { allow: false, host, reason, denial };
}
