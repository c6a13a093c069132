// Where a request that meets a hook goes instead of its program, and what its script is told.

import { containersDomain } from "../../policy/containers-domain.ts";
import { asciiJson } from "../exchange/ascii-json.ts";
import type { Allowed } from "../gate/authorize.ts";
import { targetWithout } from "../gate/credentials.ts";
import type { DirectHost } from "../routing/host.ts";
import { NO_PORT } from "../routing/program-ports.ts";
import type { UpstreamAddress } from "../routing/upstream-address.ts";
import { type CompiledHook, matchHook } from "../snapshot/hook-match.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { HOP_HEADER, type HopMarker } from "./bypass-token.ts";

/** Tells a script of its request, as JSON in ASCII (docs/hooks.md). The client's own is never passed on. */
export const HOOK_HEADER = "x-realmgate-hook";

/** The program whose scripts answer. */
const SCRIPTS = "exec";

/** An allowed request, as far as hooks and their scripts are concerned. */
export interface HookableRequest {
  readonly method: string;
  /** As the client sent them. */
  readonly headers: Headers;
  /** Path and query as the client sent them, as it stands before an alias changes it. */
  readonly asked: string;
  /** Path and query for the program. */
  readonly target: string;
  /** The client's address. */
  readonly client: string;
  /** What the client used to reach us; or, if it is trusted, the peer, who knows better what the client used. */
  readonly scheme: "http" | "https";
  readonly peerTrusted: boolean;
}

/** The way of a request that meets a hook. */
export interface HookedRoute {
  readonly hook: CompiledHook;
  readonly address: UpstreamAddress;
  /** Of the container's `exec`; NO_PORT: it has none, the hook fails. */
  readonly port: number;
  /** The script's path, and the query for the program without spent credentials. */
  readonly target: string;
  /** Set on the request after everything else: Host, what the script is told, its marker for the way back. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Answers whether a request meets a hook of its program. */
export class HookRoutes {
  readonly #markers: HopMarker;
  readonly #parent: string;

  /** Scripts are at hosts of this server. */
  constructor(markers: HopMarker, serverName: string, domain: string) {
    this.#markers = markers;
    this.#parent = containersDomain(serverName, domain);
  }

  /**
   * The way of the first hook that matches; null: the program answers itself, for none matches or the request comes from a
   * script of this container. `nowMs`: Unix milliseconds.
   */
  route(
    snapshot: Snapshot,
    allowed: Allowed,
    request: HookableRequest,
    nowMs: number,
  ): HookedRoute | null {
    const { route, host, groups, spent } = allowed;
    const { method, headers, target } = request;
    const hook = matchHook(route.hooks, { method, headers, groups, path: pathOf(target) });
    if (
      hook === null ||
      this.#markers.holds(request.headers.get(HOP_HEADER), host.container, nowMs)
    ) {
      return null;
    }
    const { project, container } = host;
    const scripts = { kind: "direct", project, container, program: SCRIPTS } as const;
    const to = snapshot.route({ ...scripts, instance: instanceOf(hook.execId) });
    return {
      hook,
      address: route.address,
      port: typeof to === "string" ? NO_PORT : to.port,
      target: hook.script + queryOf(targetWithout(target, spent)),
      headers: [
        ["host", this.#scriptHost(hook, host)],
        [HOOK_HEADER, asciiJson(JSON.stringify(told(hook, allowed, request)))],
        [HOP_HEADER, this.#markers.make(container, nowMs)],
      ],
    };
  }

  #scriptHost({ subdomain, execId }: CompiledHook, { project, container }: DirectHost): string {
    const host = `${project}-${container}-${SCRIPTS}-${execId ?? "1"}.${this.#parent}`;
    return subdomain === null ? host : `${subdomain}.${host}`;
  }
}

/** What a script's answer must not carry to the client, should it repeat what it was told. */
export function removeHookHeaders(headers: Headers): void {
  headers.delete(HOOK_HEADER);
  headers.delete(HOP_HEADER);
}

function told(
  hook: CompiledHook,
  { route, groups, spent }: Allowed,
  { headers, asked, target, client, scheme, peerTrusted }: HookableRequest,
): object {
  const isSecure = peerTrusted && headers.get("x-forwarded-proto") === "https";
  const upstream = {
    host: route.address.text,
    port: route.port,
    scheme: route.secure ? "https" : "http",
    path: pathOf(target),
  };
  return {
    hook: {
      id: hook.id,
      service: hook.service,
      index: hook.index,
      script: hook.script,
      upstream: route.port === NO_PORT ? null : upstream,
      url: `${isSecure ? "https" : scheme}://${headers.get("host")}${targetWithout(asked, spent)}`,
      groups,
      client_ip: client,
    },
  };
}

/** A number is an instance of `exec`; any other name is for the first instance to make sense of. */
function instanceOf(execId: string | null): number {
  return execId !== null && /^[1-9][0-9]{0,3}$/.test(execId) ? Number(execId) : 1;
}

function pathOf(target: string): string {
  const question = target.indexOf("?");
  return question === -1 ? target : target.slice(0, question);
}

function queryOf(target: string): string {
  const question = target.indexOf("?");
  return question === -1 ? "" : target.slice(question);
}
