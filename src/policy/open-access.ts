import { fallbackOf, withFallbacks } from "./compile.ts";
import type { PolicyDocument } from "./document.ts";
import {
  ALL,
  covers,
  equals,
  type InstanceSet,
  intersection,
  isAll,
  isNone,
  NONE,
  runsOf,
  union,
} from "./instance-set.ts";
import { finish, type Steps } from "./steps.ts";

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
/** The least instance that a request can name; the greatest is the last there is. */
const NAMEABLE_FIRST = 1;

/**
 * What `decide` allows to such requests under the document in force (null: there is none). Cost grows with the permissions of
 * the groups that are looked at.
 */
export function accessFor(document: PolicyDocument | null, subject: Subject): OpenAccess {
  return finish(accessSteps(document, subject));
}

/** `accessFor` in steps. */
export function* accessSteps(document: PolicyDocument | null, subject: Subject): Steps<OpenAccess> {
  if (document === null) {
    return { named: NOTHING_NAMED, others: ALL };
  }
  const matching = matchingGroups(document, subject);
  if (matching === null) {
    return { named: NOTHING_NAMED, others: document.default === "allow" ? ALL : NONE };
  }
  const accesses = matching.map((name) => withFallbacks(document.permissions.get(name)));
  const named = yield* document.combine === "all" ? inEvery(accesses) : inAny(accesses);
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
  const { groups } = document;
  const enabled = (name: string) => groups.get(name)?.enabled === true;
  if (subject.kind === "no_group" || groups.size === 0) {
    return null;
  }
  if (document.combine === "all") {
    const isEvery =
      subject.kind === "every_group" || (groups.size === 1 && groups.has(subject.name));
    return isEvery && groups.keys().every(enabled) ? [...groups.keys()] : null;
  }
  if (subject.kind === "group") {
    return enabled(subject.name) ? [subject.name] : null;
  }
  const matching = [...groups.keys().filter(enabled)];
  return matching.length === 0 ? null : matching;
}

type Accesses = ReadonlyMap<string, InstanceSet>;

function* inAny(accesses: readonly Accesses[]): Steps<Accesses> {
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
  const named = new Map<string, InstanceSet>();
  for (const [program, all] of sets) {
    named.set(program, union(...all));
    yield all.length;
  }
  return named;
}

function* inEvery([first, ...others]: readonly Accesses[]): Steps<Accesses> {
  const named = new Map(first);
  for (const other of others) {
    for (const [program, own] of named) {
      const more = other.get(program) ?? NONE;
      if (own !== more) {
        named.set(program, intersection(own, more));
      }
    }
    yield named.size;
  }
  return named;
}

/** How one access differs from another, for the instances that exist. */
export type AccessEffect = "same" | "opens" | "closes" | "changes";

export function effectOf(before: InstanceSet, after: InstanceSet): AccessEffect {
  if (equals(before, after)) {
    return "same";
  }
  const opens = !covers(before, after, NAMEABLE_FIRST);
  const closes = !covers(after, before, NAMEABLE_FIRST);
  return opens ? (closes ? "changes" : "opens") : closes ? "closes" : "same";
}

/** `all`, `none`, or instances as people write them: `1-3,8080`. */
export function accessText(instances: InstanceSet): string {
  if (isNone(instances)) {
    return "none";
  }
  if (isAll(instances) || covers(instances, ALL, NAMEABLE_FIRST)) {
    return "all";
  }
  return runsOf(instances)
    .map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))
    .join(",");
}
