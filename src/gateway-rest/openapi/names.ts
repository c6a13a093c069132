// What operations and their groups are called.
import type { DescService } from "@bufbuild/protobuf";
import type { Binding } from "../routing/http-rule.ts";

/** The tag of a service's operations: its name without `Service`. */
export function tagOf(service: DescService): string {
  return service.name.replace(/Service$/, "");
}

/**
 * Unique operationIds: the method's name, with its service's before it where two services have a method of that name. The
 * further routes of a method end in their verb, or in a number where the verb is taken, too.
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

/** The path of a route, as its template was. */
export function pathOf({ segments }: Pick<Binding, "segments">): string {
  const texts = segments.map((each) => (each.kind === "literal" ? each.text : `{${each.field}}`));
  return `/${texts.join("/")}`;
}
