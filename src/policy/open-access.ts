import type { Access } from "./access.ts";
import { withFallbacks } from "./compile.ts";
import type { PolicyDocument } from "./document.ts";
import { portMax } from "./program.ts";

/** Whose requests: those that match one group and no other, every group of the document, or none. */
export type Who =
  | { readonly kind: "group"; readonly name: string }
  | { readonly kind: "every_group" }
  | { readonly kind: "no_group" };

/** What is open to them, by canonical program; `others` holds for every program that is not named. */
export interface OpenAccess {
  readonly named: ReadonlyMap<string, Access>;
  readonly others: Access;
}

const ALL: Access = { kind: "all" };
const NONE: Access = { kind: "none" };
const NOTHING_NAMED: ReadonlyMap<string, Access> = new Map();

/**
 * What `decide` allows to such requests, read from the document in force (null: none is). Cost grows with the permissions of
 * the groups that are looked at.
 */
export function openTo(document: PolicyDocument | null, who: Who): OpenAccess {
  if (document === null) {
    return { named: NOTHING_NAMED, others: ALL };
  }
  const matching = matchingGroups(document, who);
  if (matching === null) {
    return { named: NOTHING_NAMED, others: document.default === "allow" ? ALL : NONE };
  }
  const accesses = matching.map((name) => withFallbacks(document.permissions.get(name)));
  const named = document.combine === "all" ? accesses.reduce(inBoth) : inAny(accesses);
  return { named, others: NONE };
}

/** The programs of which the document says something for them, whether or not it comes to that. */
export function namedFor(document: PolicyDocument | null, who: Who): readonly string[] {
  if (document === null || who.kind === "no_group") {
    return [];
  }
  const groups = who.kind === "group" ? [who.name] : [...document.groups.keys()];
  const named = groups.flatMap((name) => [...withFallbacks(document.permissions.get(name)).keys()]);
  return [...new Set(named)];
}

/** What a group's permissions say of a program, under which key; null when they name neither it nor what stands in for it. */
export function ruleFor(
  document: PolicyDocument,
  group: string,
  program: string,
): { readonly program: string; readonly access: Access } | null {
  const own = document.permissions.get(group);
  const access = withFallbacks(own).get(program);
  if (own === undefined || access === undefined) {
    return null;
  }
  if (own.has(program)) {
    return { program, access };
  }
  const standIn = own.entries().find(([, each]) => each === access);
  return { program: standIn?.[0] ?? program, access };
}

export function grantsInstance(access: Access, instance: number): boolean {
  return common(boundsOf(access), [instance, instance]).length > 0;
}

/** The groups that such requests match where that counts as a match; null: the default holds. */
function matchingGroups(document: PolicyDocument, who: Who): readonly string[] | null {
  const names = [...document.groups.keys()];
  const enabled = (name: string) => document.groups.get(name)?.enabled === true;
  if (who.kind === "no_group" || names.length === 0) {
    return null;
  }
  if (document.combine === "all") {
    const isEvery = who.kind === "every_group" || (names.length === 1 && names[0] === who.name);
    return isEvery && names.every(enabled) ? names : null;
  }
  if (who.kind === "group") {
    return enabled(who.name) ? [who.name] : null;
  }
  const matching = names.filter(enabled);
  return matching.length === 0 ? null : matching;
}

type Accesses = ReadonlyMap<string, Access>;

function inAny(accesses: readonly Accesses[]): Accesses {
  const [only, ...others] = accesses;
  if (only !== undefined && others.length === 0) {
    return only;
  }
  const bounds = new Map<string, Bounds[]>();
  for (const own of accesses) {
    for (const [program, access] of own) {
      const sofar = bounds.get(program) ?? [];
      sofar.push(boundsOf(access));
      bounds.set(program, sofar);
    }
  }
  return new Map(bounds.entries().map(([program, all]) => [program, fromBounds(merged(all))]));
}

function inBoth(a: Accesses, b: Accesses): Accesses {
  const both = new Map<string, Access>();
  for (const [program, access] of a) {
    const other = b.get(program) ?? NONE;
    both.set(program, fromBounds(common(boundsOf(access), boundsOf(other))));
  }
  return both;
}

/** How one access differs from another, as to the instances that there can be. */
export type AccessEffect = "same" | "opens" | "closes" | "changes";

export function effectOf(before: Access, after: Access): AccessEffect {
  const [was, is] = [boundsOf(before), boundsOf(after)];
  const kept = instancesIn(common(was, is));
  const opens = instancesIn(is) > kept;
  const closes = instancesIn(was) > kept;
  return opens ? (closes ? "changes" : "opens") : closes ? "closes" : "same";
}

/** `all`, `none`, or instances as people write them: `1-3,8080`. */
export function accessText(access: Access): string {
  const bounds = boundsOf(access);
  if (bounds.length === 0) {
    return "none";
  }
  if (bounds[0] === 1 && bounds[1] === portMax) {
    return "all";
  }
  return pairsOf(bounds)
    .map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))
    .join(",");
}

/** As `Access.bounds`; every instance is 1 to 65535. */
type Bounds = readonly number[];

function boundsOf(access: Access): Bounds {
  switch (access.kind) {
    case "all":
      return [1, portMax];
    case "none":
      return [];
    case "some":
      return access.bounds;
  }
}

function fromBounds(bounds: Bounds): Access {
  if (bounds.length === 0) {
    return NONE;
  }
  return bounds[0] === 1 && bounds[1] === portMax ? ALL : { kind: "some", bounds };
}

function pairsOf(bounds: Bounds): [first: number, last: number][] {
  const pairs: [number, number][] = [];
  for (let i = 0; i < bounds.length; i += 2) {
    pairs.push([bounds[i] ?? 0, bounds[i + 1] ?? 0]);
  }
  return pairs;
}

function merged(all: readonly Bounds[]): Bounds {
  const result: number[] = [];
  for (const [first, last] of all.flatMap(pairsOf).sort(([x], [y]) => x - y)) {
    const end = result.at(-1);
    if (end !== undefined && first <= end + 1) {
      result[result.length - 1] = Math.max(end, last);
    } else {
      result.push(first, last);
    }
  }
  return result;
}

function common(a: Bounds, b: Bounds): Bounds {
  const result: number[] = [];
  const [left, right] = [pairsOf(a), pairsOf(b)];
  for (let i = 0, k = 0; i < left.length && k < right.length; ) {
    const [firstA, lastA] = left[i] ?? [0, 0];
    const [firstB, lastB] = right[k] ?? [0, 0];
    const [first, last] = [Math.max(firstA, firstB), Math.min(lastA, lastB)];
    if (first <= last) {
      result.push(first, last);
    }
    if (lastA < lastB) {
      i++;
    } else {
      k++;
    }
  }
  return result;
}

function instancesIn(bounds: Bounds): number {
  return pairsOf(bounds).reduce((sum, [first, last]) => sum + last - first + 1, 0);
}
