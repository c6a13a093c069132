// What a write of a document would change: for whom which programs open or close. Pure.
import { create, type JsonObject, toJson } from "@bufbuild/protobuf";
import {
  type Group,
  GroupSchema,
  type PermissionDocument,
} from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import {
  type AccessChange,
  AccessChangeSchema,
  type DocumentPreview,
  DocumentPreviewSchema,
  type GroupChange,
  GroupChangeSchema,
} from "../../../proto/gen/realmgate/v1/preview_pb.ts";
import { type PolicyDocument, parseDocumentSteps } from "../../policy/document.ts";
import { runCount } from "../../policy/instance-set.ts";
import {
  accessSteps,
  accessText,
  effectOf,
  namedFor,
  type OpenAccess,
  type Subject,
} from "../../policy/open-access.ts";
import { finish, type Steps, stepUnits } from "../../policy/steps.ts";
import type { DependentContainers, DocumentKey, DocumentState } from "../store/records.ts";
import { storedDocument } from "./permission-document.ts";

/** Changes of access that are listed; `access_total` counts them all. */
export const accessChangesMax = 1000;

type State = Pick<DocumentState, "enableProxy" | "body">;

export interface Tried {
  readonly kind: DocumentKey["kind"];
  readonly before: State;
  readonly after: State;
  /** Of a container's document: the one of its project. */
  readonly project: State;
  /** Of a project's document: the containers that the caller sees. */
  readonly followers: DependentContainers;
}

export function previewOf(tried: Tried): DocumentPreview {
  return finish(previewSteps(tried));
}

/** `previewOf` in steps. */
export function* previewSteps(tried: Tried): Steps<DocumentPreview> {
  const { kind, before, after, project, followers } = tried;
  const was = yield* inForce(kind, before, project);
  const is = yield* inForce(kind, after, project);
  const access = yield* accessChanges(was.policy, is.policy);
  const groups = yield* groupChanges(was.stored, is.stored);
  const switched = before.enableProxy !== after.enableProxy;
  const preflightBefore = was.policy?.preflight ?? "judge";
  const preflightAfter = is.policy?.preflight ?? "judge";
  const changes = access.total > 0 || groups.length > 0 || preflightBefore !== preflightAfter;
  const all = kind === "container" ? 1 : followers.containers;
  const following = kind === "container" ? 1 : followers.following;
  return create(DocumentPreviewSchema, {
    originBefore: was.origin,
    originAfter: is.origin,
    beginsEffect: before.body === null && after.body !== null,
    endsEffect: before.body !== null && after.body === null,
    defaultBefore: was.policy?.default ?? "allow",
    defaultAfter: is.policy?.default ?? "allow",
    combineBefore: was.policy?.combine ?? "any",
    combineAfter: is.policy?.combine ?? "any",
    preflightBefore,
    preflightAfter,
    enableProxyBefore: before.enableProxy,
    enableProxyAfter: after.enableProxy,
    containersAffected: switched ? all : changes ? following : 0,
    groups,
    access: access.listed,
    accessTotal: access.total,
  });
}

/** The document that decides, or none. */
export interface InForce {
  readonly origin: "container" | "project" | "none";
  readonly stored: PermissionDocument | null;
  readonly policy: PolicyDocument | null;
}

/** A project's own document stands for the containers that follow it. Throws for a document that should not have been stored. */
export function* inForce(kind: DocumentKey["kind"], own: State, project: State): Steps<InForce> {
  const origin =
    kind === "container" && own.body !== null
      ? "container"
      : (kind === "project" ? own : project).body !== null
        ? "project"
        : "none";
  const stored = storedDocument(origin === "container" || kind === "project" ? own : project);
  if (stored === null) return { origin, stored, policy: null };
  yield Object.keys(stored.groups).length;
  const parsed = yield* parseDocumentSteps(stored);
  if (!parsed.ok) throw new Error("a stored document does not parse");
  return { origin, stored, policy: parsed.document };
}

/** Every subject there is to ask about, in either document. */
function everybody(was: PolicyDocument | null, is: PolicyDocument | null): Subject[] {
  const names = new Set([...(was?.groups.keys() ?? []), ...(is?.groups.keys() ?? [])]);
  const combinesAll = was?.combine === "all" || is?.combine === "all";
  return [
    ...Array.from(names, (name): Subject => ({ kind: "group", name })),
    ...(combinesAll ? [{ kind: "every_group" } as const] : []),
    { kind: "no_group" },
  ];
}

/** Stands for every program that is not named. */
const others = "*";

interface AccessChanges {
  /** The first of them. */
  readonly listed: AccessChange[];
  total: number;
}

function* accessChanges(
  was: PolicyDocument | null,
  is: PolicyDocument | null,
): Steps<AccessChanges> {
  const changes: AccessChanges = { listed: [], total: 0 };
  for (const who of everybody(was, is)) {
    const named = new Set([...namedFor(was, who), ...namedFor(is, who)]);
    yield 1 + named.size;
    const [before, after] = [yield* accessSteps(was, who), yield* accessSteps(is, who)];
    yield* addChanges(changes, who, [...named].sort(), before, after);
  }
  return changes;
}

function* addChanges(
  changes: AccessChanges,
  who: Subject,
  named: readonly string[],
  was: OpenAccess,
  is: OpenAccess,
): Steps<void> {
  let units = 0;
  for (const program of [...named, others]) {
    const [before, after] = [
      was.named.get(program) ?? was.others,
      is.named.get(program) ?? is.others,
    ];
    units += 1 + runCount(before) + runCount(after);
    if (units >= stepUnits) {
      yield units;
      units = 0;
    }
    const effect = effectOf(before, after);
    if (effect === "same") continue;
    changes.total++;
    if (changes.listed.length >= accessChangesMax) continue;
    const change = {
      who: who.kind,
      program,
      before: accessText(before),
      after: accessText(after),
      effect,
      ...(who.kind === "group" ? { group: who.name } : {}),
    };
    changes.listed.push(create(AccessChangeSchema, change));
  }
}

function* groupChanges(
  was: PermissionDocument | null,
  is: PermissionDocument | null,
): Steps<GroupChange[]> {
  const [before, after] = [was?.groups ?? {}, is?.groups ?? {}];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const changes: GroupChange[] = [];
  for (const name of names) {
    yield 1;
    const [old, now] = [groupOf(before, name), groupOf(after, name)];
    if (old === undefined || now === undefined) {
      const change = old === undefined ? "added" : "removed";
      changes.push(create(GroupChangeSchema, { name, change }));
      continue;
    }
    const [oldJson, nowJson] = [groupJson(old), groupJson(now)];
    const fields = Object.keys({ ...oldJson, ...nowJson })
      .filter((field) => !Bun.deepEquals(oldJson[field], nowJson[field]))
      .sort();
    if (fields.length > 0)
      changes.push(create(GroupChangeSchema, { name, change: "changed", fields }));
  }
  return changes;
}

function groupOf(groups: PermissionDocument["groups"], name: string): Group | undefined {
  return Object.hasOwn(groups, name) ? groups[name] : undefined;
}

/** A group that says it is enabled is as one that says nothing. */
function groupJson(group: Group): JsonObject {
  const told = { ...group, enabled: group.enabled ?? true };
  return toJson(GroupSchema, told, { useProtoFieldName: true }) as JsonObject;
}
