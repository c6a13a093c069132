// What a hook must be beyond its shape: fields as sent → the hook in its normal form, and all that is wrong with it.
import { create } from "@bufbuild/protobuf";
import { type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import {
  type CreateHookRequest,
  type Hook,
  type HookMatch,
  HookMatchSchema,
  HookSchema,
} from "../../../../proto/gen/realmgate/v1/hooks_pb.ts";
import { pointerStep } from "../../../../proto/json-pointer.ts";
import { isToken } from "../../../policy/field-syntax.ts";
import { groupsFault } from "./hook-groups.ts";

/** A hook as it is sent. Its field rules have been checked. */
export type HookFields = Partial<
  Pick<CreateHookRequest, "match" | "script" | "timeout" | "appliesTo" | "onError">
>;

/** Notes that something is wrong: a JSON pointer, and the rest of the sentence. */
export type HookReport = (instancePath: string, message: string) => void;

const timeoutDefaultMs = 500;

/**
 * The hook as it is stored, without id and position: methods in upper case, header names in lower case, defaults written
 * out. `groups` are those that it may name. It is only good when nothing was reported.
 */
export function normalHook(
  fields: HookFields,
  groups: ReadonlySet<string>,
  at: string,
  report: HookReport,
): Hook {
  const { match, script, timeout = timeoutDefaultMs, appliesTo, onError = "closed" } = fields;
  const fault = groupsFault({ appliesTo }, groups);
  if (fault !== null) report(`${at}/applies_to/groups`, fault);
  if (script !== undefined && /\.\.|\/\/|\/\./.test(script.path)) {
    report(`${at}/script/path`, 'must not have "..", "//" or "/."');
  }
  return create(HookSchema, {
    ...(match === undefined ? {} : { match: normalMatch(match, `${at}/match`, report) }),
    ...(script === undefined ? {} : { script }),
    timeout,
    ...(appliesTo === undefined ? {} : { appliesTo }),
    onError,
  });
}

function normalMatch(match: HookMatch, at: string, report: HookReport): HookMatch {
  const { method, path, headers, headersHidden } = match;
  // A hook that is written back as a reader sees it would match more.
  if (headersHidden !== undefined) report(`${at}/headers_hidden`, "must not be sent");
  return create(HookMatchSchema, {
    ...(method === undefined ? {} : { method: normalMethod(method, `${at}/method`, report) }),
    ...(path === undefined ? {} : { path }),
    headers: normalHeaders(headers, `${at}/headers`, report),
  });
}

/** Without `u`, so that no letter beyond ASCII folds into one of these. */
const METHOD = /^(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)$/i;

/** A text stays a text, a list a list. */
function normalMethod(sent: Value, at: string, report: HookReport): Value {
  if (sent.kind.case === "listValue") {
    const methods = sent.kind.value.values.map((each) => normalText(each));
    if (methods.length === 0 || methods.some((text) => text === null)) reportMethod(at, report);
    else if (new Set(methods).size < methods.length) report(at, "must name a method only once");
    return listOf(methods.map((text) => text ?? ""));
  }
  const text = isText(sent, "*") ? "*" : normalText(sent);
  if (text === null) reportMethod(at, report);
  return textValue(text ?? "");
}

function reportMethod(at: string, report: HookReport): void {
  const methods = "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS";
  report(at, `must be "*", one of ${methods}, or a list of 1 to 7 of these`);
}

/** A method in upper case, or null when it is none. */
function normalText({ kind }: Value): string | null {
  return kind.case === "stringValue" && METHOD.test(kind.value) ? kind.value.toUpperCase() : null;
}

function isText({ kind }: Value, text: string): boolean {
  return kind.case === "stringValue" && kind.value === text;
}

function textValue(value: string): Value {
  return create(ValueSchema, { kind: { case: "stringValue", value } });
}

function listOf(texts: readonly string[]): Value {
  const values = texts.map(textValue);
  return create(ValueSchema, { kind: { case: "listValue", value: { values } } });
}

const CONTROL = /\p{Cc}/u;

function normalHeaders(
  headers: HookMatch["headers"],
  at: string,
  report: HookReport,
): HookMatch["headers"] {
  const normal = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    const here = `${at}${pointerStep(name)}`;
    const lower = name.toLowerCase();
    if (!isToken(name)) report(here, "is no header name");
    else if (normal.has(lower)) report(here, `names ${lower}, which is there already`);
    if (CONTROL.test(value)) report(here, "must not have control characters");
    normal.set(lower, value);
  }
  return Object.fromEntries([...normal].sort(([one], [other]) => (one < other ? -1 : 1)));
}
