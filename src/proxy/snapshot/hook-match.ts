import type { ServiceHooksState } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { Hook } from "../../../proto/gen/realmgate/v1/hooks_pb.ts";
import type { HeaderReader } from "../routing/header-reader.ts";
import { pathReadings } from "../routing/path-variants.ts";

/** A hook made ready to be asked for every request of its program. */
export interface CompiledHook {
  readonly id: string;
  /** The program it stands before. */
  readonly service: string;
  /** Its place among the hooks of that program, from 0. */
  readonly index: number;
  readonly script: string;
  /** Directory of the script; null: none. */
  readonly subdomain: string | null;
  /** Name of the exec instance; null: the first. */
  readonly execId: string | null;
  readonly timeoutMs: number;
  /** What happens when the script fails: the request is refused, or the program answers. */
  readonly onError: "closed" | "open";
  /** Null: any method but OPTIONS. */
  readonly methods: ReadonlySet<string> | null;
  readonly path: PathPattern;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Null: everyone. */
  readonly groups: ReadonlySet<string> | null;
}

/** Whole segments that are `*` stand for any one segment, a `*` at the end for any rest; elsewhere it stands for itself. */
interface PathPattern {
  /** Null: a segment of any content. */
  readonly segments: readonly (string | null)[];
  /** What the path may go on with after the segments begins so; null: it ends with them. */
  readonly rest: string | null;
}

/** What of a request a hook looks at. */
export interface HookQuestion {
  readonly method: string;
  /** The path that goes upstream, without query, as it was sent. */
  readonly path: string;
  readonly headers: HeaderReader;
  /** Names of the groups that granted it; null when no group did. */
  readonly groups: readonly string[] | null;
}

/** The hooks of one container by program, ready to be asked; null when it has none. */
export type ContainerHooks = ReadonlyMap<string, readonly CompiledHook[]>;

export function compileHooks(states: readonly ServiceHooksState[]): ContainerHooks | null {
  const kept = states.filter(({ hooks }) => hooks.length > 0);
  if (kept.length === 0) {
    return null;
  }
  return new Map(
    kept.map(({ service, hooks }) => [
      service,
      hooks.map((hook, index) => compileHook(hook, service, index)),
    ]),
  );
}

/** Exported for its tests. */
export function compileHook(hook: Hook, service: string, index: number): CompiledHook {
  const { match, script } = hook;
  const methods = methodsOf(match?.method?.kind);
  const subdomain = script?.subdomain;
  return {
    id: hook.id,
    service,
    index,
    script: script?.path ?? "/",
    subdomain: subdomain === undefined || subdomain === "default" ? null : subdomain,
    execId: script?.execId ?? null,
    timeoutMs: hook.timeout,
    onError: hook.onError === "open" ? "open" : "closed",
    methods,
    path: patternOf(match?.path ?? "*"),
    headers: Object.entries(match?.headers ?? {}),
    groups: hook.appliesTo === undefined ? null : new Set(hook.appliesTo.groups),
  };
}

type Kind = NonNullable<NonNullable<Hook["match"]>["method"]>["kind"];

function methodsOf(kind: Kind | undefined): ReadonlySet<string> | null {
  switch (kind?.case) {
    case "stringValue":
      return kind.value === "*" ? null : withHead([kind.value]);
    case "listValue":
      return withHead(kind.value.values.map((each) => String(each.kind.value)));
    default:
      return null;
  }
}

/** What is said of GET holds for HEAD. */
function withHead(methods: readonly string[]): ReadonlySet<string> {
  const named = methods.map((method) => method.toUpperCase());
  return new Set(named.includes("GET") ? [...named, "HEAD"] : named);
}

function patternOf(text: string): PathPattern {
  if (text === "*") {
    return { segments: [], rest: "" };
  }
  const open = text.endsWith("*");
  const steps = (open ? text.slice(0, -1) : text).slice(1).split("/");
  const rest = open ? (steps.pop() ?? "") : null;
  return { segments: steps.map((step) => (step === "*" ? null : step)), rest };
}

/** The first hook that matches, in the order in which they are tried. */
export function matchHook(
  hooks: readonly CompiledHook[],
  question: HookQuestion,
): CompiledHook | null {
  // A hook that guards a path must not be gone around by another spelling of it.
  const readings = pathReadings(question.path);
  return (
    hooks.find(
      (hook) =>
        (hook.methods === null
          ? question.method !== "OPTIONS"
          : hook.methods.has(question.method)) &&
        readings.some((path) => fits(hook.path, path)) &&
        hook.headers.every(([name, value]) => question.headers.get(name) === value) &&
        (hook.groups === null || (question.groups ?? []).some((name) => hook.groups?.has(name))),
    ) ?? null
  );
}

function fits({ segments, rest }: PathPattern, path: string): boolean {
  let at = 0;
  for (const segment of segments) {
    if (path[at] !== "/") {
      return false;
    }
    const next = path.indexOf("/", at + 1);
    const end = next === -1 ? path.length : next;
    const step = path.slice(at + 1, end);
    if (segment === null ? step === "" : step !== segment) {
      return false;
    }
    at = end;
  }
  if (rest === null) {
    return at === path.length;
  }
  return segments.length === 0 && rest === "" ? true : path.startsWith(`/${rest}`, at);
}
