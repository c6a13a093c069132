// What becomes of a request that meets a hook: its script answers, or the hook says what happens when it does not.

import type { HookMatch } from "../gate/hook-admission.ts";
import { refusal } from "../gate/refusal.ts";
import { NO_PORT } from "../routing/program-ports.ts";
import { isSentAsItIs } from "../upstream/fetch-methods.ts";
import type { Detour, ForwardedRequest, HeldBody, Outcome, Reply } from "../upstream/upstream.ts";
import { removeHookHeaders } from "./hook-script.ts";

/** How the run of a hook ended. `opened`: its script failed, and the program was asked instead. */
export const HOOK_OUTCOMES = ["answered", "failed", "timeout", "opened"] as const;

export type HookOutcome = (typeof HOOK_OUTCOMES)[number];

/** What running a hook needs. */
export interface HookRun<R extends Reply> {
  readonly match: HookMatch;
  readonly forwarded: ForwardedRequest;
  /** Where the script is. */
  readonly detour: (forwarded: ForwardedRequest) => Detour;
  /** Asks the script: what it gets has a detour. */
  readonly script: (forwarded: ForwardedRequest) => Outcome<R> | Promise<Outcome<R>>;
  /** Asks the program itself. */
  readonly program: (forwarded: ForwardedRequest) => Outcome<R> | Promise<Outcome<R>>;
  /** See `Upstream.holdBody`. */
  readonly holdBody: (forwarded: ForwardedRequest) => Promise<HeldBody>;
  /** Whether one of our own listeners has this address and port. */
  readonly isForbidden: (address: string, port: number) => boolean;
  /** Called once; not when the exchange was stopped. */
  readonly ran: (outcome: HookOutcome) => void;
}

/**
 * The script's response, whatever its status; or, where the hook is open, the program's; or a refusal. A body that went to a
 * script and was not held cannot be sent again: the program is not asked then.
 */
export async function runHook<R extends Reply>(run: HookRun<R>): Promise<Outcome<R>> {
  const { match, isForbidden, ran } = run;
  const { active } = run.forwarded;
  // Servers of scripts hang up on methods that they do not know: no client opens a hook by that.
  const isOpen = match.hook.onError === "open" && isSentAsItIs(run.forwarded.head.method);
  const body = isOpen ? await run.holdBody(run.forwarded) : "unheld";
  if (body === "late") {
    if (active.stopped === null) {
      ran("timeout");
    }
    return refusal("hook_timeout");
  }
  if (body === "broken") {
    ran("failed");
    return refusal("bad_request");
  }
  const forwarded = body instanceof Uint8Array ? { ...run.forwarded, held: body } : run.forwarded;
  const isThere = match.port !== NO_PORT && !isForbidden(match.address.text, match.port);
  const outcome = isThere
    ? await run.script({ ...forwarded, detour: run.detour(forwarded) })
    : refusal("upstream_unreachable");
  if (outcome.kind === "answered") {
    removeHookHeaders(outcome.reply.headers);
  }
  // A response that is too large is one: the program is not asked.
  if (outcome.kind !== "refused" || outcome.reason === "answer_too_large") {
    ran("answered");
    return outcome;
  }
  // The client's doing: a request that is void goes to no program.
  if (outcome.reason === "bad_request") {
    if (active.stopped === null) ran("failed");
    return outcome;
  }
  const isTimeout = outcome.reason === "upstream_timeout";
  if (active.stopped === null) {
    if (isOpen && (!isThere || body !== "unheld")) {
      ran("opened");
      return run.program(forwarded);
    }
    ran(isTimeout ? "timeout" : "failed");
  }
  return refusal(isTimeout ? "hook_timeout" : "hook_failed");
}
