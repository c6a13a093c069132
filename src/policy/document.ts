import { create, fromJsonString, toJsonString } from "@bufbuild/protobuf";
import {
  GroupSchema,
  type PermissionDocument,
  PermissionDocumentSchema,
} from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import { pointerStep } from "../../proto/json-pointer.ts";
import { parseAccess } from "./access.ts";
import { type NormalFields, type PolicyGroup, parseGroup } from "./group.ts";
import { exceededLimits, groupsMax } from "./group-limits.ts";
import { type InstanceSet, isAll, runsOf } from "./instance-set.ts";
import { unseenFamilies } from "./ip-family.ts";
import { canonicalProgram } from "./program.ts";
import { finish, type Steps, stepUnits } from "./steps.ts";
import type { DocumentViolation, ViolationCode } from "./violation.ts";

/**
 * The rules of a document. Groups and permissions are in the document's order; programs are
 * canonical; each key of `permissions` is a group. Kill switch and ids are not policy.
 */
export interface PolicyDocument {
  readonly groups: ReadonlyMap<string, PolicyGroup>;
  readonly permissions: ReadonlyMap<string, ReadonlyMap<string, InstanceSet>>;
  readonly default: "allow" | "deny";
  readonly combine: "any" | "all";
  /** Whether CORS preflights are judged like any request, or sent on where somebody could be granted them. */
  readonly preflight: Preflight;
}

export type Preflight = "judge" | "pass";

/**
 * `normal` is what is stored and shown: digests instead of passwords, masked ranges, explicit algorithm and default,
 * canonical programs, nothing that is output only. It parses to the same policy. `warnings` are sentences.
 */
export type ParsedDocument =
  | {
      readonly ok: true;
      readonly document: PolicyDocument;
      readonly normal: PermissionDocument;
      readonly warnings: readonly string[];
    }
  | { readonly ok: false; readonly violations: readonly DocumentViolation[] };

/** Programs that the permissions of one group may name. */
const programsPerGroupMax = 64;
/** Where instances begin or end to be granted, over all groups and programs: what a document costs compiled. */
export const instanceCutsMax = 20_000;

const GROUP_NAME = /^[A-Za-z0-9_-]{1,50}$/;
const DEFAULTS = ["allow", "deny"] as const;
const COMBINES = ["any", "all"] as const;
const PREFLIGHTS = ["judge", "pass"] as const;

type NormalGroup = PermissionDocument["groups"][string];
type NormalPermissions = PermissionDocument["permissions"];

/** Records a violation; `path` are the unescaped steps to it. */
type Report = (code: ViolationCode, path: readonly string[], reason: string) => void;

/** Reads a whole document and reports every violation. Never throws. */
export function parseDocument(message: PermissionDocument): ParsedDocument {
  return finish(parseDocumentSteps(message));
}

/** `parseDocument` in steps. */
export function* parseDocumentSteps(message: PermissionDocument): Steps<ParsedDocument> {
  const violations: DocumentViolation[] = [];
  const warnings: string[] = [];
  const report: Report = (code, path, reason) => {
    violations.push({ pointer: path.map(pointerStep).join(""), reason, code });
  };
  const groups = yield* parseGroups(message, report, warnings);
  const permissions = yield* parsePermissions(message, report);
  const fallback = oneOf(DEFAULTS, message.default ?? "deny", "default", report);
  const combine = oneOf(COMBINES, message.combine ?? "any", "combine", report);
  const preflight = oneOf(PREFLIGHTS, message.preflight ?? "judge", "preflight", report);
  if (violations.length > 0) {
    return { ok: false, violations };
  }
  if (combine === "all" && [...groups.policy.values()].some((group) => !group.enabled)) {
    warnings.push('With combine "all" and a disabled group no request ever matches.');
  }
  warnings.push(...unseenFamilies(groups.policy.values()));
  const { project, container, enableProxy } = message;
  return {
    ok: true,
    document: {
      groups: groups.policy,
      permissions: permissions.policy,
      default: fallback,
      combine,
      preflight,
    },
    normal: create(PermissionDocumentSchema, {
      project,
      container,
      enableProxy,
      groups: groups.normal,
      permissions: permissions.normal,
      default: fallback,
      combine: message.combine,
      preflight: message.preflight,
    }),
    warnings,
  };
}

function* parseGroups(message: PermissionDocument, report: Report, warnings: string[]) {
  const policy = new Map<string, PolicyGroup>();
  const normal: [string, NormalGroup][] = [];
  const entries = Object.entries(message.groups);
  if (entries.length > groupsMax) {
    report("INVALID_PERMISSIONS_DOCUMENT", ["groups"], `may have at most ${groupsMax} groups`);
  }
  for (const [name, fields] of entries) {
    yield 1;
    const path = ["groups", name];
    if (!GROUP_NAME.test(name)) {
      report("INVALID_PERMISSIONS_DOCUMENT", path, "must be named by 1 to 50 of A-Z a-z 0-9 _ -");
    }
    const parsed = parseGroup(fields);
    if (!parsed.ok) {
      for (const fault of parsed.faults) {
        report(parsed.code, [...path, ...fault.path], fault.reason);
      }
      continue;
    }
    policy.set(name, parsed.group);
    normal.push([name, normalGroup(fields, parsed.normal)]);
    if (parsed.weakness !== undefined) {
      warnings.push(`Group ${name}: ${parsed.weakness}.`);
    }
  }
  for (const { code, reason } of exceededLimits(policy.values())) {
    report(code, ["groups"], reason);
  }
  return { policy, normal: Object.fromEntries(normal) };
}

/** The group as it was sent, without unknown fields, but for what is stored otherwise. */
function normalGroup(sent: NormalGroup, normal: NormalFields): NormalGroup {
  const { $typeName: _type, $unknown: _unknown, ...fields } = sent;
  return create(GroupSchema, { ...fields, ...normal });
}

function* parsePermissions(message: PermissionDocument, report: Report) {
  const policy = new Map<string, ReadonlyMap<string, InstanceSet>>();
  const normal: [string, NormalPermissions[string]][] = [];
  let cuts = 0;
  let units = 0;
  for (const [name, programs] of Object.entries(message.permissions)) {
    const path = ["permissions", name];
    if (!Object.hasOwn(message.groups, name)) {
      report("INVALID_PERMISSIONS_DOCUMENT", path, "names no group of the document");
    }
    const entries = Object.entries(programs);
    if (entries.length > programsPerGroupMax) {
      const reason = `may have at most ${programsPerGroupMax} programs`;
      report("INVALID_PERMISSIONS_DOCUMENT", path, reason);
    }
    const accesses = new Map<string, InstanceSet>();
    const kept: typeof entries = [];
    for (const [key, value] of entries) {
      const program = canonicalProgram(key);
      if (program === undefined) {
        report("INVALID_PERMISSIONS_DOCUMENT", [...path, key], "is not a program name");
        continue;
      }
      if (accesses.has(program)) {
        const reason = `names ${program}, which the group has already`;
        report("INVALID_PERMISSIONS_DOCUMENT", [...path, key], reason);
      }
      const parsed = parseAccess(program, value);
      if (!parsed.ok) {
        report("INVALID_PERMISSION_VALUE", [...path, key], parsed.reason);
        continue;
      }
      const cost = isAll(parsed.instances) ? 0 : 2 * runsOf(parsed.instances).length;
      cuts += cost;
      units += 1 + cost;
      if (units >= stepUnits) {
        yield units;
        units = 0;
      }
      accesses.set(program, parsed.instances);
      kept.push([program, value]);
    }
    policy.set(name, accesses);
    normal.push([name, Object.fromEntries(kept)]);
  }
  if (cuts > instanceCutsMax) {
    const reason = `may begin and end at most ${instanceCutsMax} runs of instances in all`;
    report("INVALID_PERMISSION_VALUE", ["permissions"], reason);
  }
  return { policy, normal: Object.fromEntries(normal) };
}

/** The message that a document is exchanged as. */
export type PermissionMessage = PermissionDocument;

/** The JSON text that is stored of a normal form: only what decides, so that equal documents have equal texts. */
export function documentText(normal: PermissionDocument): string {
  const { groups, permissions, default: fallback, combine, preflight } = normal;
  return toJsonString(
    PermissionDocumentSchema,
    create(PermissionDocumentSchema, {
      groups,
      permissions,
      ...(fallback === undefined ? {} : { default: fallback }),
      ...(combine === undefined ? {} : { combine }),
      ...(preflight === undefined ? {} : { preflight }),
    }),
  );
}

/** Reads such a text. Throws for any other, also for a field that is not known: ignoring it could open something. */
export function readDocumentText(text: string): PermissionDocument {
  return fromJsonString(PermissionDocumentSchema, text);
}

/**
 * The text as `documentText` writes it now: earlier versions kept ids and the kill switch where callers had sent them. Their
 * place is fixed (fields are written in the order of their numbers), so nothing has to be parsed.
 */
export function currentText(stored: string): string {
  return stored
    .replace(/^\{(?:"project":"[0-9a-f]*",)?(?:"container":"[0-9a-f]*",)?/, "{")
    .replace(/,"enableProxy":(?:true|false)(?=(?:,"combine":"(?:any|all)")?\}$)/, "");
}

function oneOf<const Choice extends string>(
  choices: readonly [Choice, ...Choice[]],
  text: string,
  field: string,
  report: Report,
): Choice {
  const choice = choices.find((candidate) => candidate === text);
  if (choice === undefined) {
    report("INVALID_PERMISSIONS_DOCUMENT", [field], `must be ${choices.join(" or ")}`);
  }
  return choice ?? choices[0];
}
