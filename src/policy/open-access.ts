import { fallbackOf, withFallbacks } from "./compile.ts";
import type { PolicyDocument } from "./document.ts";
import {
  ALL,
  covers,
  fromRuns,
  type InstanceSet,
  intersection,
  isNone,
  NONE,
  runsOf,
  union,
} from "./instance-set.ts";
import { portMax } from "./program.ts";

/** The requests in question: those that match exactly one group, every group of the document, or none. */
export type Subject =
  | { readonly kind: "group"; readonly name: string }
  | { readonly kind: "every_group" }
  | { readonly kind: "no_group" };

/** What they may reach, by canonical program; `others` holds for every program that is not named. */
export interface OpenAccess {
  readonly named: ReadonlyMap<string, InstanceSet>;
  readonly others: InstanceSet;
}

const NOTHING_NAMED: ReadonlyMap<string, InstanceSet> = new Map();
/** Every instance that a request can name. */
const NAMEABLE = fromRuns([[1, portMax]]);

/**
 * What `decide` allows to such requests under the document in force (null: there is none). Cost grows with the permissions of
 * the groups that are looked at.
 */
export function accessFor(document: PolicyDocument | null, subject: Subject): OpenAccess {
  if (document === null) {
    return { named: NOTHING_NAMED, others: ALL };
  }
  const matching = matchingGroups(document, subject);
  if (matching === null) {
    return { named: NOTHING_NAMED, others: document.default === "allow" ? ALL : NONE };
  }
  const accesses = matching.map((name) => withFallbacks(document.permissions.get(name)));
  const named = document.combine === "all" ? accesses.reduce(inBoth) : inAny(accesses);
  return { named, others: NONE };
}

/** The programs that the document names for them, granted or not. */
export function namedFor(document: PolicyDocument | null, subject: Subject): readonly string[] {
  if (document === null || subject.kind === "no_group") {
    return [];
  }
  const groups = subject.kind === "group" ? [subject.name] : [...document.groups.keys()];
  const named = groups.flatMap((name) => [...withFallbacks(document.permissions.get(name)).keys()]);
  return [...new Set(named)];
}

/** The rule of a group for a program and the key that it has; null when the group names neither the program nor its fallback. */
export function ruleFor(
  document: PolicyDocument,
  group: string,
  program: string,
): { readonly program: string; readonly instances: InstanceSet } | null {
  const own = document.permissions.get(group);
  for (const key of [program, fallbackOf(program)]) {
    const instances = key === undefined ? undefined : own?.get(key);
    if (key !== undefined && instances !== undefined) {
      return { program: key, instances };
    }
  }
  return null;
}

/** The groups that such requests match; null: no match, so that the default applies. */
function matchingGroups(document: PolicyDocument, subject: Subject): readonly string[] | null {
  const names = [...document.groups.keys()];
  const enabled = (name: string) => document.groups.get(name)?.enabled === true;
  if (subject.kind === "no_group" || names.length === 0) {
    return null;
  }
  if (document.combine === "all") {
    const isEvery =
      subject.kind === "every_group" || (names.length === 1 && names[0] === subject.name);
    return isEvery && names.every(enabled) ? names : null;
  }
  if (subject.kind === "group") {
    return enabled(subject.name) ? [subject.name] : null;
  }
  const matching = names.filter(enabled);
  return matching.length === 0 ? null : matching;
}

type Accesses = ReadonlyMap<string, InstanceSet>;

function inAny(accesses: readonly Accesses[]): Accesses {
  const [only, ...others] = accesses;
  if (only !== undefined && others.length === 0) {
    return only;
  }
  const sets = new Map<string, InstanceSet[]>();
  for (const own of accesses) {
    for (const [program, instances] of own) {
      const sofar = sets.get(program) ?? [];
      sofar.push(instances);
      sets.set(program, sofar);
    }
  }
  return new Map(sets.entries().map(([program, all]) => [program, union(...all)]));
}

function inBoth(a: Accesses, b: Accesses): Accesses {
  return new Map(
    a.entries().map(([program, own]) => [program, intersection(own, b.get(program) ?? NONE)]),
  );
}

/** How one access differs from another, for the instances that exist. */
export type AccessEffect = "same" | "opens" | "closes" | "changes";

export function effectOf(before: InstanceSet, after: InstanceSet): AccessEffect {
  const [was, is] = [intersection(before, NAMEABLE), intersection(after, NAMEABLE)];
  const opens = !covers(was, is);
  const closes = !covers(is, was);
  return opens ? (closes ? "changes" : "opens") : closes ? "closes" : "same";
}

/** `all`, `none`, or instances as people write them: `1-3,8080`. */
export function accessText(instances: InstanceSet): string {
  if (isNone(instances)) {
    return "none";
  }
  if (covers(instances, NAMEABLE)) {
    return "all";
  }
  return runsOf(instances)
    .map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))
    .join(",");
}
