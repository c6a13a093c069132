// The header fields of a request as they go upstream.
import type { CredentialLocation } from "../../policy/credential-location.ts";
import { groupsNamedMax } from "../exchange/exchange.ts";
import { keepTrace } from "../exchange/trace-context.ts";
import { cookieWithout } from "../gate/credentials.ts";
import { removeHopByHop, removeImitations, stripForwardedHeaders } from "./header-rules.ts";
import type { ForwardedRequest } from "./upstream.ts";
import { sayUpstreamHost, upstreamHost } from "./upstream-host.ts";

/**
 * The client's header fields without those of its connection, of identities that it claims, of consumed credentials and of JWTs
 * that nobody verified, and with ours: X-Forwarded-* and X-Realmgate-*, of which Groups names at most `groupsNamedMax`.
 */
export function requestHeaders(received: Headers, forwarded: ForwardedRequest): Headers {
  const { active, admitted, head, detour } = forwarded;
  const { route, groups, consumedCredentials, passedPreflight } = active.allowed;
  const { jwtSources, unverifiedSources } = active.allowed;
  const { requestId, traceId } = active.exchange;
  const { peerTrusted, client } = admitted;
  const headers = new Headers(received);
  removeHopByHop(headers, jwtSources);
  stripForwardedHeaders(headers, received, peerTrusted);
  removeImitations(headers, received, jwtSources);
  removeCredentials(headers, [...consumedCredentials, ...unverifiedSources], jwtSources);
  if (passedPreflight) {
    headers.delete("authorization");
    headers.delete("cookie");
  }
  keepTrace(headers, traceId);
  // Ours come last: neither Connection nor anything else of the client can remove them.
  const believed = peerTrusted ? headers.get("x-forwarded-for") : null;
  headers.set("x-forwarded-for", believed === null ? client : `${believed}, ${head.peer}`);
  setIfAbsent(headers, "x-forwarded-proto", head.listener.scheme);
  setIfAbsent(headers, "x-forwarded-host", head.host ?? "");
  headers.set("x-realmgate-program", route.program);
  headers.set("x-realmgate-instance", String(route.instance));
  if (groups !== null) {
    headers.set("x-realmgate-groups", groups.slice(0, groupsNamedMax).join(","));
  }
  headers.set("x-realmgate-request-id", requestId);
  if (detour === null && route.settings.hostIsUpstream) {
    sayUpstreamHost(headers, head.host ?? "", upstreamHost(route), route.secure);
  }
  if (detour !== null) {
    for (const [name, value] of detour.headers) {
      headers.set(name, value);
    }
  }
  return headers;
}

/** What is present by now comes from a trusted proxy, which knows better than we do what the client used. */
function setIfAbsent(headers: Headers, name: string, value: string): void {
  if (headers.get(name) === null) {
    headers.set(name, value);
  }
}

function removeCredentials(
  headers: Headers,
  removed: readonly CredentialLocation[],
  sources: readonly CredentialLocation[],
): void {
  for (const { kind, name } of removed) {
    if (kind === "header") {
      headers.delete(name);
    }
  }
  const line = removed.length + sources.length === 0 ? null : headers.get("cookie");
  if (line === null) {
    return;
  }
  const rest = cookieWithout(line, removed, sources);
  if (rest === null) {
    headers.delete("cookie");
  } else {
    headers.set("cookie", rest);
  }
}
