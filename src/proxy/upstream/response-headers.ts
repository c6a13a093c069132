// The header fields of an upstream's response as they go to the client.
import { confineCookies } from "./cookie-domain.ts";
import { removeHopByHop } from "./header-rules.ts";
import type { ForwardedRequest } from "./upstream.ts";
import { sayClientHost, upstreamHost } from "./upstream-host.ts";

/** Removes what belongs to the upstream's connection, and what a program may not say for its neighbours. */
export function cleanResponseHeaders(headers: Headers, forwarded: ForwardedRequest): void {
  const { head, active, admitted, detour } = forwarded;
  removeHopByHop(headers);
  confineCookies(headers, head.host);
  const { route } = active.allowed;
  if (detour === null && route.settings.hostIsUpstream && head.host !== null) {
    const believed = admitted.peerTrusted ? head.headers.get("x-forwarded-proto") : null;
    const scheme = believed === "https" ? believed : head.listener.scheme;
    sayClientHost(headers, head.host, upstreamHost(route), scheme);
  }
}
