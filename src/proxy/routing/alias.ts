import type { AliasState } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { DirectHost } from "./host.ts";
import { mayClimb } from "./path-variants.ts";
import { joinTarget, pathOf, queryOf, type RequestTarget } from "./request-target.ts";

/** Where a short host leads. */
export interface Alias {
  readonly name: string;
  /** What its requests are judged as. */
  readonly host: DirectHost;
  /** Goes before the path of every request; null: nothing does. */
  readonly target: string | null;
  /** False: only exactly the target is reachable. */
  readonly takesPaths: boolean;
  /** Unix milliseconds from which it leads nowhere; Infinity: it does not end. */
  readonly untilMs: number;
}

/** Null for an alias that is switched off. */
export function aliasOf(state: AliasState, project: string, container: string): Alias | null {
  if (!state.enabled) {
    return null;
  }
  const { alias, program, instance, targetPath, allowPathOverride, expiresAtMs } = state;
  return {
    name: alias,
    host: { kind: "direct", project, container, program, instance },
    target: targetPath ?? null,
    takesPaths: allowPathOverride,
    untilMs: expiresAtMs ?? Number.POSITIVE_INFINITY,
  };
}

/** Whether its target has a query that requests must not add to. */
export function fixesQuery({ target, takesPaths }: Alias): boolean {
  return !takesPaths && target !== null && queryOf(target) !== "";
}

/**
 * The path and query that go upstream: the alias' target, what the request asks for below it, and both queries. Null where
 * the alias leads to its target only and the request asks for something else, by its path or beside the target's query, and
 * where a program may read what is asked for as something beside the target. `left`: `asked` without consumed credentials,
 * which programs never see.
 */
export function aliasedTarget(
  alias: Alias,
  asked: RequestTarget,
  left: RequestTarget,
): RequestTarget | null {
  const { target, takesPaths } = alias;
  const base = pathOf(target ?? "");
  const path = pathOf(asked);
  const isTarget = path === "/" || (base !== "" && path === base);
  if (!takesPaths && !isTarget) {
    return null;
  }
  if (fixesQuery(alias) && queryOf(left) !== "") {
    return null;
  }
  if (base !== "" && base !== "/" && mayClimb(path)) {
    return null;
  }
  const below = takesPaths ? path : "/";
  const joined = base === "" ? below : below === "/" ? base : `${withoutSlash(base)}${below}`;
  const queries = [queryOf(target ?? ""), queryOf(asked)].filter((each) => each !== "");
  return joinTarget(joined, queries.join("&"));
}

function withoutSlash(path: string): string {
  return path.endsWith("/") ? path.slice(0, -1) : path;
}
