// Names of operations and tags.
import type { DescService } from "@bufbuild/protobuf";
import type { Binding } from "../routing/http-rule.ts";

/** The tag of a service's operations: its name without `Service`. */
export function tagOf(service: DescService): string {
  return service.name.replace(/Service$/, "");
}

/**
 * Unique operationIds: the method's name, prefixed with its service when two services have a method of that name. Additional
 * routes of a method get their verb as a suffix, or a number when the verb is taken.
 */
export function operationIds(bindings: readonly Binding[]): ReadonlyMap<Binding, string> {
  const methods = new Set(bindings.map(({ method }) => method));
  const named = Map.groupBy(methods, ({ name }) => name);
  const ids = new Map<Binding, string>();
  for (const [method, routes] of Map.groupBy(bindings, (binding) => binding.method)) {
    const alone = named.get(method.name)?.length === 1;
    const base = alone ? method.name : `${tagOf(method.parent)}_${method.name}`;
    for (const [index, binding] of routes.entries()) {
      ids.set(binding, index === 0 ? base : `${base}_${suffixOf(binding, routes, index)}`);
    }
  }
  return ids;
}

function suffixOf({ verb }: Binding, routes: readonly Binding[], index: number): string {
  const isTaken = routes.slice(0, index).some((other) => other.verb === verb);
  return isTaken ? String(index + 1) : verb.toLowerCase();
}

/** The path template of a route. */
export function pathOf({ segments }: Pick<Binding, "segments">): string {
  const texts = segments.map((each) => (each.kind === "literal" ? each.text : `{${each.field}}`));
  return `/${texts.join("/")}`;
}
