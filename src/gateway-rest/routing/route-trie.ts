// A trie of bindings over path segments; literals take precedence over variables.
import type { Binding, Verb } from "./http-rule.ts";

/** Result of a lookup. */
export type Match =
  | { readonly kind: "found"; readonly binding: Binding; readonly variables: readonly string[] }
  | { readonly kind: "wrong_method"; readonly allowed: readonly Verb[] }
  | { readonly kind: "unknown" };

interface Node {
  readonly literals: Map<string, Node>;
  variable: Node | null;
  readonly bindings: Map<Verb, Binding>;
}

export class RouteTrie {
  readonly #root = newNode();

  /** Throws when two bindings claim the same verb and path. */
  constructor(bindings: readonly Binding[]) {
    for (const binding of bindings) {
      let node = this.#root;
      for (const segment of binding.segments) {
        const next: Node =
          segment.kind === "literal"
            ? (node.literals.get(segment.text) ?? newNode())
            : (node.variable ?? newNode());
        if (segment.kind === "literal") node.literals.set(segment.text, next);
        else node.variable = next;
        node = next;
      }
      const other = node.bindings.get(binding.verb);
      if (other !== undefined) {
        throw new Error(`${other.method.name} and ${binding.method.name} claim the same route`);
      }
      node.bindings.set(binding.verb, binding);
    }
  }

  /** Finds the route for a verb and decoded path segments. `variables` are in template order. */
  match(verb: string, segments: readonly string[]): Match {
    const variables: string[] = [];
    const node = find(this.#root, segments, 0, variables);
    if (node === null) return { kind: "unknown" };
    const binding = node.bindings.get((verb === "HEAD" ? "GET" : verb) as Verb);
    if (binding === undefined) return { kind: "wrong_method", allowed: [...node.bindings.keys()] };
    return { kind: "found", binding, variables };
  }
}

function newNode(): Node {
  return { literals: new Map(), variable: null, bindings: new Map() };
}

function find(
  node: Node,
  segments: readonly string[],
  index: number,
  variables: string[],
): Node | null {
  const segment = segments[index];
  if (segment === undefined) return node.bindings.size > 0 ? node : null;
  const literal = node.literals.get(segment);
  const found = literal === undefined ? null : find(literal, segments, index + 1, variables);
  if (found !== null || node.variable === null) return found;
  variables.push(segment);
  const further = find(node.variable, segments, index + 1, variables);
  if (further === null) variables.pop();
  return further;
}
