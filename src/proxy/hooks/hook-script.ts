// The script of a hook as a destination, and the description of the request that it gets.

import { containersDomain } from "../../policy/containers-domain.ts";
import { asciiJson } from "../exchange/ascii-json.ts";
import { targetWithout } from "../gate/credentials.ts";
import { type HookMatch, SCRIPT_PROGRAM } from "../gate/hook-admission.ts";
import type { DirectHost } from "../routing/host.ts";
import { NO_PORT } from "../routing/program-ports.ts";
import { joinTarget, pathOf, queryOf } from "../routing/request-target.ts";
import type { CompiledHook } from "../snapshot/hook-match.ts";
import type { Detour, ForwardedRequest } from "../upstream/upstream.ts";
import { BYPASS_HEADER, type BypassTokens } from "./bypass-token.ts";

/** Describes the request to a script, as JSON in ASCII (docs/hooks.md). The client's own is never passed on. */
export const HOOK_HEADER = "x-realmgate-hook";

/** Makes detours to the scripts of one server. */
export class HookScripts {
  readonly #tokens: BypassTokens;
  readonly #parent: string;

  /** Scripts are at hosts of this server. */
  constructor(tokens: BypassTokens, serverName: string, domain: string) {
    this.#tokens = tokens;
    this.#parent = containersDomain(serverName, domain);
  }

  /**
   * To the path of the script, with the query for the program; Host, the description and a bypass token are set. `nowMs`: Unix
   * milliseconds.
   */
  detour({ hook, address, port }: HookMatch, forwarded: ForwardedRequest, nowMs: number): Detour {
    const { active, admitted } = forwarded;
    const { host, consumedCredentials } = active.allowed;
    const query = queryOf(targetWithout(admitted.target, consumedCredentials));
    return {
      address,
      port,
      target: joinTarget(hook.script, query),
      headers: [
        ["host", this.#scriptHost(hook, host)],
        [HOOK_HEADER, asciiJson(JSON.stringify(description(hook, forwarded)))],
        [BYPASS_HEADER, this.#tokens.make(host.container, nowMs)],
      ],
      timeoutMs: hook.timeoutMs,
    };
  }

  #scriptHost({ subdomain, execId }: CompiledHook, { project, container }: DirectHost): string {
    const host = `${project}-${container}-${SCRIPT_PROGRAM}-${execId ?? "1"}.${this.#parent}`;
    return subdomain === null ? host : `${subdomain}.${host}`;
  }
}

/** Removes from the response of a script what must not reach the client, should the script repeat what it was sent. */
export function removeHookHeaders(headers: { delete(name: string): void }): void {
  headers.delete(HOOK_HEADER);
  headers.delete(BYPASS_HEADER);
}

function description(hook: CompiledHook, { active, admitted, head }: ForwardedRequest): object {
  const { route, groups, consumedCredentials } = active.allowed;
  const { received, target, client, peerTrusted } = admitted;
  // A trusted proxy knows better than we do what the client used.
  const isSecure = peerTrusted && head.headers.get("x-forwarded-proto") === "https";
  const scheme = isSecure ? "https" : head.listener.scheme;
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
      url: `${scheme}://${head.host}${targetWithout(received, consumedCredentials)}`,
      groups,
      client_ip: client,
    },
  };
}
