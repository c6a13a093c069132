// What becomes of a request that meets a hook: its script answers, or the hook says what happens when it does not.

import { NO_PORT } from "../routing/program-ports.ts";
import { boundedBody } from "../upstream/bounded-body.ts";
import { type Forwarded, type ForwardFailure, isShort } from "../upstream/fetch-upstream.ts";
import { type HookedRoute, removeHookHeaders } from "./hook-route.ts";

/** How the run of a hook ended. `opened`: its script failed, and the program was asked instead. */
export const HOOK_OUTCOMES = ["answered", "failed", "timeout", "opened"] as const;

export type HookOutcome = (typeof HOOK_OUTCOMES)[number];

/** `answer_too_large`: the script answered, but with more than may be kept (docs/curl.md). */
export type HookFailure = "hook_failed" | "hook_timeout" | "answer_too_large";

/** How to run a hook. `Passed`: what is no answer and no failure, such as an upgraded connection. */
export interface HookRun<Passed, Answer> {
  readonly hooked: HookedRoute;
  readonly forwarded: Forwarded;
  /** Asks the script: what it gets is `hooked`. */
  readonly script: (forwarded: Forwarded) => Promise<Response | Passed | ForwardFailure>;
  /** Asks the program itself. */
  readonly program: (forwarded: Forwarded) => Promise<Answer>;
  /** Whether one of our own listeners is there. */
  readonly isForbidden: (address: string, port: number) => boolean;
  /** Told once; not when the client went away or is allowed no more. */
  readonly ended: (outcome: HookOutcome) => void;
  /** How long a body may take that is held so that it can be sent twice, in milliseconds. */
  readonly heldBodyMs: number;
}

/**
 * The script's answer, whatever its status; or, where the hook is open, the program's; or why there is none. A request whose
 * body went to a script already is whole no more: nobody else is asked then.
 */
export async function runHook<Passed = never, Answer = never>(
  request: Request,
  run: HookRun<Passed, Answer>,
): Promise<Response | Passed | HookFailure | Answer> {
  const { hooked, isForbidden, ended } = run;
  const isOpen = hooked.hook.onError === "open";
  const forwarded = isOpen ? await withBody(request, run.forwarded, run.heldBodyMs) : run.forwarded;
  if (forwarded === null) {
    if (run.forwarded.live.revoked === null) {
      ended("timeout");
    }
    return "hook_timeout";
  }
  const isThere = hooked.port !== NO_PORT && !isForbidden(hooked.address.text, hooked.port);
  const answer = isThere ? await run.script({ ...forwarded, hooked }) : "upstream_unreachable";
  if (typeof answer !== "string") {
    ended("answered");
    if (answer instanceof Response) {
      removeHookHeaders(answer.headers);
    }
    return answer;
  }
  if (answer === "answer_too_large") {
    // It did answer: nobody else is asked.
    ended("answered");
    return answer;
  }
  const isTimeout = answer === "upstream_timeout";
  if (!request.signal.aborted && forwarded.live.revoked === null) {
    const isWhole = !isThere || request.body === null || forwarded.held !== null;
    if (isOpen && isWhole) {
      ended("opened");
      return run.program(forwarded);
    }
    ended(isTimeout ? "timeout" : "failed");
  }
  return isTimeout ? "hook_timeout" : "hook_failed";
}

/**
 * What can be sent twice: a short body is held. One that broke off is not there at all. Null: it did not come in its time, or
 * the request is allowed no more.
 */
async function withBody(
  request: Request,
  forwarded: Forwarded,
  limitMs: number,
): Promise<Forwarded | null> {
  if (request.body === null || forwarded.held !== null || !isShort(request.headers)) {
    return forwarded;
  }
  const late = AbortSignal.timeout(limitMs);
  const revoked = new AbortController();
  forwarded.live.whenRevoked(() => revoked.abort());
  const { signal } = revoked;
  const held = await boundedBody(request.body, Number.POSITIVE_INFINITY, [late, signal]);
  if (late.aborted || signal.aborted) {
    return null;
  }
  return { ...forwarded, held: held instanceof Uint8Array ? held : null };
}
