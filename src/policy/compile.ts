import { type GroupSet, setOf } from "./bitset.ts";
import { buildTrie, type CidrTrie } from "./cidr-trie.ts";
import type { CredentialLocation } from "./credential-location.ts";
import { type CredentialReader, readersOf } from "./credential-reader.ts";
import type { PolicyDocument } from "./document.ts";
import { type GrantTable, grantTableSteps } from "./grant-table.ts";
import type { GroupType } from "./group.ts";
import type { InstanceSet } from "./instance-set.ts";
import type { GroupAccess } from "./segment-index.ts";
import { finish, type Steps, stepUnits } from "./steps.ts";

/**
 * A document compiled for fast decisions. Groups are numbered in the document's order. Immutable, except that it caches
 * verified tokens and passwords, and the groups of networks that matched; containers with equal documents may share one.
 */
export interface CompiledPolicy {
  readonly groupNames: readonly string[];
  readonly noGroups: GroupSet;
  readonly allGroups: GroupSet;
  /** Enabled groups that need a credential. */
  readonly credentialGroups: GroupSet;
  /** The document has a group that needs a credential, enabled or not. */
  readonly asksForCredentials: boolean;
  readonly challenge: "basic" | "bearer";
  readonly openByDefault: boolean;
  readonly combineAll: boolean;
  /** CORS preflights are sent on where somebody could be granted them, and pages may read refusals. */
  readonly passesPreflights: boolean;
  readonly networks: CidrTrie;
  readonly readers: readonly CredentialReader[];
  /** Those of their places where JWTs are read. */
  readonly jwtSources: readonly CredentialLocation[];
  readonly grants: GrantTable;
}

/** Whether a group of this type matches by something that the client must know. */
const WANTS_CREDENTIAL = {
  ip: false,
  jwt: true,
  password: true,
  token: true,
} as const satisfies Record<GroupType, boolean>;

/** A program without a key of its own in a group uses this one: HTTP grants HTTPS. */
const FALLBACK_PROGRAMS: readonly (readonly [program: string, fallback: string])[] = [
  ["https", "http"],
];

/** Compiles a parsed document; never throws for one. Cost grows with the size of the document. */
export function compile(document: PolicyDocument): CompiledPolicy {
  return finish(compileSteps(document));
}

/** `compile` in steps. */
export function* compileSteps(document: PolicyDocument): Steps<CompiledPolicy> {
  const groupNames = [...document.groups.keys()];
  const groups = Array.from(document.groups.values(), (group, index) => ({ ...group, index }));
  const count = groups.length;
  const enabled = groups.filter((group) => group.enabled);
  const networks = buildTrie(
    count,
    enabled
      .filter((group) => group.type === "ip")
      .map(({ range, index }) => ({ range, group: index })),
  );
  yield count;
  const readers = yield* readersOf(count, enabled);
  const grants = yield* grantTableSteps(count, yield* accessesByProgram(document));
  return {
    groupNames,
    noGroups: networks.noGroups,
    allGroups: setOf(count, groupNames.keys()),
    credentialGroups: setOf(
      count,
      enabled.filter(({ type }) => WANTS_CREDENTIAL[type]).map(({ index }) => index),
    ),
    asksForCredentials: groups.some(({ type }) => WANTS_CREDENTIAL[type]),
    challenge: groups.some(({ type }) => type === "password") ? "basic" : "bearer",
    openByDefault: document.default === "allow",
    combineAll: document.combine === "all",
    passesPreflights: document.preflight === "pass",
    networks,
    readers,
    jwtSources: readers.filter(({ jwts }) => jwts !== null).map(({ location }) => location),
    grants,
  };
}

function* accessesByProgram(document: PolicyDocument): Steps<Map<string, GroupAccess[]>> {
  const programs = new Map<string, GroupAccess[]>();
  let group = 0;
  let units = 0;
  for (const name of document.groups.keys()) {
    for (const [program, instances] of withFallbacks(document.permissions.get(name))) {
      const accesses = programs.get(program) ?? [];
      accesses.push({ group, instances });
      programs.set(program, accesses);
      units++;
    }
    group++;
    if (units >= stepUnits) {
      yield units;
      units = 0;
    }
  }
  return programs;
}

/** The program whose key is used where the group does not name this one. */
export function fallbackOf(program: string): string | undefined {
  return FALLBACK_PROGRAMS.find(([own]) => own === program)?.[1];
}

/** A group's accesses with those that hold for programs it does not name. */
export function withFallbacks(
  own: ReadonlyMap<string, InstanceSet> | undefined,
): ReadonlyMap<string, InstanceSet> {
  const accesses = new Map(own);
  for (const [program, fallback] of FALLBACK_PROGRAMS) {
    const access = accesses.get(program) ?? accesses.get(fallback);
    if (access !== undefined) {
      accesses.set(program, access);
    }
  }
  return accesses;
}
