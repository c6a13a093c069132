// google.api.http options → bindings. All errors in the options surface here, at start-up.
import {
  type DescField,
  type DescMethod,
  type DescService,
  getOption,
  ScalarType,
} from "@bufbuild/protobuf";
import { http } from "../../../proto/gen/google/api/annotations_pb.ts";
import type { HttpRule } from "../../../proto/gen/google/api/http_pb.ts";
import { answer } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { parsePathTemplate, type Segment } from "./path-template.ts";
import { assertSupported } from "./rest-fields.ts";

export type Verb = "GET" | "PUT" | "POST" | "DELETE" | "PATCH";

/** One REST route: its path, how its parts map to the request message, and the form of its answers. */
export interface Binding {
  readonly verb: Verb;
  readonly segments: readonly Segment[];
  readonly method: DescMethod;
  /** What the body sets: the whole message, one field of it, or nothing. */
  readonly body: "message" | DescField | null;
  /** Fields that the query may set: those that are in neither path nor body. */
  readonly query: ReadonlyMap<string, DescField>;
  /** The request's FieldMask `update_mask`, if it has one; filled from the keys of the body. */
  readonly updateMask: DescField | null;
  /** HTTP status of a success. */
  readonly status: number;
  /** The envelope's `message` of a success. */
  readonly message: string;
  /** The envelope's `data`: the whole answer, one field with the others beside `data`, or left out. */
  readonly data: "message" | DescField | null;
  /** The envelope's `error` of refusals by HTTP status, where it differs from the usual text. */
  readonly errors: ReadonlyMap<number, string>;
}

/** Query parameter of every route: limits the call to one realm. It is call metadata, not part of any message. */
export const realmFilter = "realm_id";

/** Query parameter that requests a dry run. Always in the query, never in the body, so that it works alike on every route. */
const dryRunParameter = "validate_only";

/** All bindings of the services. Throws for patterns, fields and bodies that REST cannot carry. */
export function bindingsOf(services: readonly DescService[]): readonly Binding[] {
  return services.flatMap((service) =>
    service.methods.flatMap((method) => {
      const rule = getOption(method, http);
      return [rule, ...rule.additionalBindings].flatMap((each) => bind(method, each));
    }),
  );
}

const verbs = { get: "GET", put: "PUT", post: "POST", delete: "DELETE", patch: "PATCH" } as const;

function bind(method: DescMethod, rule: HttpRule): Binding[] {
  const name = `${method.parent.typeName}.${method.name}`;
  const { pattern } = rule;
  if (pattern.case === undefined) return [];
  if (pattern.case === "custom") throw new Error(`${name}: custom verbs are not supported`);
  assertSupported(method.input);
  const fields = new Map(method.input.fields.map((field) => [field.name, field]));
  const segments = parsePathTemplate(pattern.value);
  for (const segment of segments) {
    if (segment.kind !== "variable") continue;
    const field = fields.get(segment.field);
    if (field === undefined) throw new Error(`${name}: {${segment.field}} is not a field`);
    if (field.fieldKind !== "scalar")
      throw new Error(`${name}: {${segment.field}} is not a scalar`);
    fields.delete(segment.field);
  }
  let body: Binding["body"] = null;
  if (rule.body === "*") {
    body = "message";
    const dryRun = fields.get(dryRunParameter);
    fields.clear();
    if (dryRun !== undefined) fields.set(dryRun.name, dryRun);
  } else if (rule.body !== "") {
    const field = fields.get(rule.body);
    if (field?.fieldKind !== "message") throw new Error(`${name}: ${rule.body} is not a message`);
    body = field;
    fields.delete(rule.body);
  }
  fields.delete(realmFilter);
  const { status, message, withoutData, errors } = getOption(method, answer);
  return [
    {
      verb: verbs[pattern.case],
      segments,
      method,
      body,
      query: new Map([...fields].filter(([, field]) => isQueryable(field))),
      updateMask: body === "message" ? maskOf(method) : null,
      status: status || 200,
      message,
      data: withoutData ? null : dataOf(method, rule.responseBody),
      errors: new Map(errors.map(({ status, error }) => [status, error])),
    },
  ];
}

function maskOf(method: DescMethod): DescField | null {
  const field = method.input.fields.find(({ name }) => name === "update_mask");
  return field?.message?.typeName === "google.protobuf.FieldMask" ? field : null;
}

/** Names of the envelope; fields beside `data` must not use them. */
const envelope: ReadonlySet<string> = new Set(["statusCode", "message", "data"]);

function dataOf(method: DescMethod, responseBody: string): "message" | DescField {
  if (responseBody === "") return "message";
  const { fields } = method.output;
  const field = fields.find(({ name }) => name === responseBody);
  const name = `${method.parent.typeName}.${method.name}`;
  if (field === undefined) throw new Error(`${name}: ${responseBody} is not a field of the answer`);
  const clash = fields.find((each) => each !== field && envelope.has(each.name));
  if (clash !== undefined) throw new Error(`${name}: ${clash.name} is a name of the envelope`);
  return field;
}

function isQueryable(field: DescField): boolean {
  return (
    field.fieldKind === "scalar" ||
    (field.fieldKind === "list" && field.scalar === ScalarType.STRING)
  );
}
