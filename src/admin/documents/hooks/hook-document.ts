// The hooks of a whole document as a caller sends them: free JSON by program → hooks, and all that is wrong with them.

import { isDeepStrictEqual } from "node:util";
import {
  type DescField,
  type DescMessage,
  equals,
  fromJson,
  type JsonObject,
  type JsonValue,
  toJson,
} from "@bufbuild/protobuf";
import { type ListValue, ListValueSchema } from "@bufbuild/protobuf/wkt";
import type { FieldViolation } from "../../../../proto/call.ts";
import {
  CreateHookRequestSchema,
  type Hook,
  HookSchema,
} from "../../../../proto/gen/realmgate/v1/hooks_pb.ts";
import { pointerStep } from "../../../../proto/json-pointer.ts";
import { brokenRules } from "../../api/field-rules.ts";
import {
  type Hooks,
  hookCount,
  hookServiceOf,
  hooksPerContainerMax,
  hooksPerServiceMax,
} from "./hook-list.ts";
import { type HookReport, normalHook } from "./hook-rules.ts";

/** What the hooks of a document are read against. */
export interface HookSurroundings {
  /** The container. */
  readonly id: string;
  /** The hooks that are to be replaced. */
  readonly stored: Hooks;
  /** Those that hooks may name. */
  readonly groups: ReadonlySet<string>;
  readonly newId: () => string;
}

export interface ReadHooks {
  /** Only good when there are no violations. */
  readonly hooks: Hooks;
  readonly violations: readonly FieldViolation[];
}

/** Violations reported for one document; the rest is cut off. */
const violationsMax = 100;

/**
 * Reads `hooks` of a whole document. A hook that equals the stored one at its place keeps its id, any other gets a new one;
 * ids and positions that are sent (as an earlier answer had them) are not acted on.
 */
export function readHooks(
  sent: Readonly<Record<string, ListValue>>,
  around: HookSurroundings,
): ReadHooks {
  const violations: FieldViolation[] = [];
  const report: HookReport = (instancePath, message) => {
    if (violations.length < violationsMax) violations.push({ instancePath, message });
  };
  const hooks = new Map<string, Hook[]>();
  for (const [name, list] of Object.entries(sent)) {
    const at = `/hooks${pointerStep(name)}`;
    const named = hookServiceOf(name);
    if (named === null) report(at, "is no program name");
    else if (!named.takesHooks) report(at, "is a program that takes no hooks");
    else if (hooks.has(named.service)) report(at, `names ${named.service}, which is there already`);
    else if (list.values.length > 0) {
      hooks.set(named.service, readList(list, named.service, at, around, report));
    }
    if (hookCount(hooks) > hooksPerContainerMax) {
      report("/hooks", `may have at most ${hooksPerContainerMax} hooks in all`);
      // What follows is not read: a document costs no more than the greatest good one.
      break;
    }
  }
  return { hooks, violations };
}

function readList(
  list: ListValue,
  service: string,
  at: string,
  around: HookSurroundings,
  report: HookReport,
): Hook[] {
  const values = jsonOf(list);
  if (values === null) {
    report(at, "must be JSON");
    return [];
  }
  if (values.length > hooksPerServiceMax) {
    report(at, `may have at most ${hooksPerServiceMax} hooks`);
  }
  const stored = around.stored.get(service) ?? [];
  return values.slice(0, hooksPerServiceMax).map((value, position) => {
    const hook = readHook(value, service, `${at}/${position}`, around, report);
    const before = stored[position];
    const kept = before !== undefined && isSameRule(before, hook);
    return { ...hook, position, id: kept ? before.id : around.newId() };
  });
}

/** Null: it has numbers that JSON cannot say, or values that are none. */
function jsonOf(list: ListValue): JsonValue[] | null {
  try {
    return toJson(ListValueSchema, list) as JsonValue[];
  } catch {
    return null;
  }
}

/** Whether two hooks do the same, whatever they are called and wherever they stand. */
function isSameRule(one: Hook, other: Hook): boolean {
  return equals(HookSchema, { ...one, id: "", position: 0 }, { ...other, id: "", position: 0 });
}

/** A hook of a document obeys the same field rules as one that is created on its own. */
function readHook(
  value: JsonValue,
  service: string,
  at: string,
  { id, groups }: HookSurroundings,
  report: HookReport,
): Hook {
  let fits = true;
  const misfit: HookReport = (instancePath, message) => {
    fits = false;
    report(instancePath, message);
  };
  const { id: _id, position: _position, ...fields } = fitting(HookSchema, value, at, misfit);
  const request = fromJson(CreateHookRequestSchema, { ...fields, id, service });
  if (fits) {
    for (const { instancePath, message } of brokenRules(CreateHookRequestSchema, request)) {
      report(`${at}${instancePath}`, message);
    }
  }
  return normalHook(request, groups, at, report);
}

/** What of a value is a message of this type; the rest is reported. Names are the contract's, and nothing is converted. */
function fitting(desc: DescMessage, value: JsonValue, at: string, report: HookReport): JsonObject {
  if (!isObject(value)) {
    report(at, "must be object");
    return {};
  }
  const kept: JsonObject = {};
  for (const [name, part] of Object.entries(value)) {
    const path = `${at}${pointerStep(name)}`;
    const field = desc.fields.find((each) => each.name === name);
    if (field === undefined) report(path, "is not a known field");
    else if (isPart(field)) kept[name] = fitting(field.message, part, path, report);
    else if (fits(desc, name, part)) kept[name] = part;
    else report(path, "has a value that does not fit");
  }
  return kept;
}

/** A message of the contract's own, whose fields are looked at one by one. */
function isPart(field: DescField): field is DescField & { fieldKind: "message" } {
  return field.fieldKind === "message" && !field.message.typeName.startsWith("google.protobuf.");
}

/** Whether a field takes the value as it is: JSON that becomes something else on the way was not the documented one. */
function fits(desc: DescMessage, name: string, value: JsonValue): boolean {
  try {
    const message = fromJson(desc, { [name]: value });
    const json = toJson(desc, message, { useProtoFieldName: true, alwaysEmitImplicit: true });
    return isDeepStrictEqual((json as JsonObject)[name], value);
  } catch {
    return false;
  }
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
