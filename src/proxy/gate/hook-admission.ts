// Which hook a request meets, and where its script listens. Running it is the affair of the hooks room.

import type { HeaderReader } from "../routing/header-reader.ts";
import { NO_PORT } from "../routing/program-ports.ts";
import { pathOf, queryOf, type RequestTarget } from "../routing/request-target.ts";
import type { UpstreamAddress } from "../routing/upstream-address.ts";
import { type CompiledHook, matchHook } from "../snapshot/hook-match.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import type { Allowed } from "./authorize.ts";
import type { RequestHead } from "./request-head.ts";

/** The program whose instances run scripts. */
export const SCRIPT_PROGRAM = "exec";

/** A hook that a request meets. */
export interface HookMatch {
  readonly hook: CompiledHook;
  readonly address: UpstreamAddress;
  /** Port of the container's `exec`; NO_PORT when it has none: the hook then fails. */
  readonly port: number;
}

/** Answers whether a request carries a bypass token. */
interface BypassCheck {
  readonly bypassesHooks: (headers: HeaderReader, container: string, nowMs: number) => boolean;
}

/**
 * The first hook of the program that matches; null when none does, or when the request comes from a script of this container
 * and carries its bypass token. `nowMs`: Unix milliseconds.
 */
export function matchRequest(
  { method, headers }: RequestHead,
  { bypassesHooks }: BypassCheck,
  snapshot: Snapshot,
  { route, host, groups }: Allowed,
  target: RequestTarget,
  nowMs: number,
): HookMatch | null {
  if (route.hooks.length === 0) {
    return null;
  }
  const hook = matchHook(route.hooks, {
    method,
    headers,
    groups,
    path: pathOf(target),
    query: queryOf(target),
  });
  if (hook === null || bypassesHooks(headers, host.container, nowMs)) {
    return null;
  }
  const { project, container } = host;
  const instance = instanceOf(hook.execId);
  const script = { kind: "direct", project, container, program: SCRIPT_PROGRAM, instance } as const;
  const to = snapshot.route(script);
  return { hook, address: route.address, port: typeof to === "string" ? NO_PORT : to.port };
}

/** A number is an instance of `exec`; any other name is for the first instance to interpret. */
function instanceOf(execId: string | null): number {
  return execId !== null && /^[1-9][0-9]{0,3}$/.test(execId) ? Number(execId) : 1;
}
