import type { ServiceHooksState } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { Hook } from "../../../proto/gen/realmgate/v1/hooks_pb.ts";
import type { HeaderReader } from "../routing/header-reader.ts";
import { pathVariants } from "../routing/path-variants.ts";
import { methodOverrides, overridesName } from "../routing/request-overrides.ts";
import { hasHeader } from "./header-match.ts";
import { comparable, fits, fitsAny, type PathPattern, pathPattern } from "./path-pattern.ts";

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
  /** `any`: whatever the method is called; `any_but_options`: where the hook names no method. */
  readonly methods: ReadonlySet<string> | "any" | "any_but_options";
  readonly path: PathPattern;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Null: everyone. */
  readonly groups: ReadonlySet<string> | null;
}

/** What of a request a hook looks at. */
export interface HookQuestion {
  readonly method: string;
  /** The path that goes upstream, without query, as it was sent. */
  readonly path: string;
  /** The query that goes upstream, without its `?`. */
  readonly query: string;
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
  const compiled = new Map(
    kept.map(({ service, hooks }) => [
      service,
      hooks.map((hook, index) => compileHook(hook, service, index)),
    ]),
  );
  // One port, one program: who is guarded when asked in the clear is guarded behind TLS, after the rules made for that.
  const ofHttp = compiled.get("http");
  if (ofHttp !== undefined) {
    compiled.set("https", [...(compiled.get("https") ?? []), ...ofHttp]);
  }
  return compiled;
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
    path: pathPattern(match?.path ?? "*"),
    headers: Object.entries(match?.headers ?? {}),
    groups: hook.appliesTo === undefined ? null : new Set(hook.appliesTo.groups),
  };
}

type Kind = NonNullable<NonNullable<Hook["match"]>["method"]>["kind"];

function methodsOf(kind: Kind | undefined): CompiledHook["methods"] {
  switch (kind?.case) {
    case "stringValue":
      return kind.value === "*" ? "any" : withHead([kind.value]);
    case "listValue":
      return withHead(kind.value.values.map((each) => String(each.kind.value)));
    default:
      return "any_but_options";
  }
}

/** What is said of GET holds for HEAD. */
function withHead(methods: readonly string[]): ReadonlySet<string> {
  const named = methods.map((method) => method.toUpperCase());
  return new Set(named.includes("GET") ? [...named, "HEAD"] : named);
}

/** The first hook that matches, in the order in which they are tried. */
export function matchHook(
  hooks: readonly CompiledHook[],
  question: HookQuestion,
): CompiledHook | null {
  const variants = hooks.every(({ path }) => fitsAny(path)) ? [] : pathVariants(question.path);
  // A hook that guards a path must not be gone around by another spelling of it.
  const paths = variants === null ? null : [...new Set(variants.map(comparable))];
  // Frameworks let a request name another method than its own.
  const overrides = hooks.every(({ methods }) => methods === "any")
    ? null
    : methodOverrides(question.headers, question.query);
  return (
    hooks.find(
      (hook) =>
        concernsMethod(hook, question.method, overrides) &&
        (paths === null || fitsAny(hook.path) || paths.some((path) => fits(hook.path, path))) &&
        hook.headers.every(([name, value]) => hasHeader(question.headers, name, value)) &&
        (hook.groups === null || (question.groups ?? []).some((name) => hook.groups?.has(name))),
    ) ?? null
  );
}

function concernsMethod(
  { methods }: CompiledHook,
  method: string,
  overrides: string | null,
): boolean {
  switch (methods) {
    case "any":
      return true;
    case "any_but_options":
      return method !== "OPTIONS" || overrides !== null;
    default:
      return (
        // Edges pass on methods in any case, and frameworks raise them.
        methods.has(method.toUpperCase()) ||
        (overrides !== null && [...methods].some((each) => overridesName(overrides, each)))
      );
  }
}
