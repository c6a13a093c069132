// What a write of a document would change: for whom which programs open or close. Pure.
import { create, type JsonObject, toJson } from "@bufbuild/protobuf";
import {
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
import { type PolicyDocument, parseDocument } from "../../policy/document.ts";
import {
  accessFor,
  accessText,
  effectOf,
  namedFor,
  type OpenAccess,
  type Subject,
} from "../../policy/open-access.ts";
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

export function previewOf({ kind, before, after, project, followers }: Tried): DocumentPreview {
  const [was, is] = [before, after].map((own) => inForce(kind, own, project)) as [InForce, InForce];
  const access = accessChanges(was.policy, is.policy);
  const groups = groupChanges(was.stored, is.stored);
  const switched = before.enableProxy !== after.enableProxy;
  const preflightBefore = was.policy?.preflight ?? "judge";
  const preflightAfter = is.policy?.preflight ?? "judge";
  const changes = access.length > 0 || groups.length > 0 || preflightBefore !== preflightAfter;
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
    access: access.slice(0, accessChangesMax),
    accessTotal: access.length,
  });
}

/** The document that decides, or none. */
export interface InForce {
  readonly origin: "container" | "project" | "none";
  readonly stored: PermissionDocument | null;
  readonly policy: PolicyDocument | null;
}

/** A project's own document stands for the containers that follow it. Throws for a document that should not have been stored. */
export function inForce(kind: DocumentKey["kind"], own: State, project: State): InForce {
  const origin =
    kind === "container" && own.body !== null
      ? "container"
      : (kind === "project" ? own : project).body !== null
        ? "project"
        : "none";
  const stored = storedDocument(origin === "container" || kind === "project" ? own : project);
  if (stored === null) return { origin, stored, policy: null };
  const parsed = parseDocument(stored);
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

function accessChanges(was: PolicyDocument | null, is: PolicyDocument | null): AccessChange[] {
  return everybody(was, is).flatMap((who) => {
    const named = new Set([...namedFor(was, who), ...namedFor(is, who)]);
    return changesFor(who, [...named].sort(), accessFor(was, who), accessFor(is, who));
  });
}

function changesFor(
  who: Subject,
  named: readonly string[],
  was: OpenAccess,
  is: OpenAccess,
): AccessChange[] {
  return [...named, others].flatMap((program) => {
    const [before, after] = [was, is].map(({ named, others: rest }) => named.get(program) ?? rest);
    if (before === undefined || after === undefined) return [];
    const effect = effectOf(before, after);
    if (effect === "same") return [];
    const change = {
      who: who.kind,
      program,
      before: accessText(before),
      after: accessText(after),
      effect,
      ...(who.kind === "group" ? { group: who.name } : {}),
    };
    return [create(AccessChangeSchema, change)];
  });
}

function groupChanges(
  was: PermissionDocument | null,
  is: PermissionDocument | null,
): GroupChange[] {
  const [before, after] = [was, is].map(groupsJson) as [Groups, Groups];
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((name) => {
    const [old, now] = [before.get(name), after.get(name)];
    if (old === undefined || now === undefined) {
      return [create(GroupChangeSchema, { name, change: old === undefined ? "added" : "removed" })];
    }
    const fields = Object.keys({ ...old, ...now })
      .filter((field) => !Bun.deepEquals(old[field], now[field]))
      .sort();
    return fields.length === 0
      ? []
      : [create(GroupChangeSchema, { name, change: "changed", fields })];
  });
}

type Groups = ReadonlyMap<string, JsonObject>;

/** A group that says it is enabled is as one that says nothing. */
function groupsJson(document: PermissionDocument | null): Groups {
  const options = { useProtoFieldName: true };
  return new Map(
    Object.entries(document?.groups ?? {}).map(([name, group]) => {
      const json = toJson(GroupSchema, { ...group, enabled: group.enabled ?? true }, options);
      return [name, json as JsonObject];
    }),
  );
}
