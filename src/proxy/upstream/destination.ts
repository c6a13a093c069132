import { targetWithout } from "../gate/credentials.ts";
import type { UpstreamAddress } from "../routing/upstream-address.ts";
import type { ForwardedRequest } from "./upstream.ts";

/** Where a request goes: its program, or the detour. */
export interface Destination {
  readonly address: UpstreamAddress;
  readonly port: number;
  /** Whether it speaks HTTPS. */
  readonly secure: boolean;
  /** Path and query, without consumed credentials. */
  readonly target: string;
}

export function destination({ active, admitted, detour }: ForwardedRequest): Destination {
  if (detour !== null) {
    const { address, port, target } = detour;
    return { address, port, secure: false, target };
  }
  const { route, consumedCredentials } = active.allowed;
  const { address, port, secure } = route;
  return { address, port, secure, target: targetWithout(admitted.target, consumedCredentials) };
}

/** Fields of the log line of a failed upstream. */
export function failureFields(forwarded: ForwardedRequest, error: string) {
  const { requestId } = forwarded.active.exchange;
  const { address, port } = destination(forwarded);
  return { requestId, address: address.text, port, error };
}

/** Message of that line. */
export function failureMessage({ detour }: ForwardedRequest): string {
  return detour === null ? "upstream failed" : "hook failed";
}
