// What the edges reach behind the gate, as one upstream each.
import type { BuiltInPrograms } from "./built-in.ts";
import type { InternalClient } from "./curl/internal-edge.ts";
import type { BunServeRequest } from "./edge/bun-serve/bun-serve-request.ts";
import type { Upgrader } from "./upgrade/upgrader.ts";
import type { ProgramUpstream } from "./upstream/program-upstream.ts";
import { holdBody } from "./upstream/request-body.ts";
import type { Upstream } from "./upstream/upstream.ts";

/** For requests of clients. */
export function clientUpstream(
  programs: ProgramUpstream,
  upgrader: Upgrader,
  builtIn: BuiltInPrograms,
): Upstream<BunServeRequest, Response> {
  return {
    forward: ({ request }, forwarded) => programs.forward(request, forwarded),
    upgrade: (client, forwarded) => upgrader.upgrade(client, client.headers, forwarded),
    answerBuiltIn: ({ request }, forwarded) => builtIn.answer(request, forwarded),
    holdBody: ({ request }, forwarded, limitMs) => holdBody(request, forwarded, limitMs),
  };
}

/** For requests that the gate makes itself: they are admitted neither with an upgrade nor to the curl program. */
export function internalUpstream(programs: ProgramUpstream): Upstream<InternalClient, Response> {
  const never = () => {
    throw new Error("an internal request was admitted to what it cannot reach");
  };
  return {
    forward: ({ request }, forwarded) => programs.forward(request, forwarded),
    upgrade: never,
    answerBuiltIn: never,
    holdBody: ({ request }, forwarded, limitMs) => holdBody(request, forwarded, limitMs),
  };
}
