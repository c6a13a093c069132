// google.api.http options → bindings. Everything that could go wrong with a binding goes wrong here, at start-up.
import { type DescField, type DescMethod, type DescService, getOption } from "@bufbuild/protobuf";
import { http } from "../../proto/gen/google/api/annotations_pb.ts";
import type { HttpRule } from "../../proto/gen/google/api/http_pb.ts";
import { answer } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { parsePathTemplate, type Segment } from "./path-template.ts";

export type Verb = "GET" | "PUT" | "POST" | "DELETE" | "PATCH";

/** One REST route: where it is found, what its parts mean, and how its success is spelled. */
export interface Binding {
  readonly verb: Verb;
  readonly segments: readonly Segment[];
  readonly method: DescMethod;
  /** What the body is: the whole message, one field of it, or nothing. */
  readonly body: "message" | DescField | null;
  /** Fields that the query may set: those in neither path nor body. */
  readonly query: ReadonlyMap<string, DescField>;
  /** HTTP status of a success. */
  readonly status: number;
  /** The envelope's `message` of a success. */
  readonly message: string;
}

/** All bindings of the services. Throws on a pattern, field or body that REST cannot carry. */
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
  if (pattern.case === "custom") throw new Error(`${name}: custom verbs are not known here`);
  const fields = new Map(method.input.fields.map((field) => [field.name, field]));
  const segments = parsePathTemplate(pattern.value);
  for (const segment of segments) {
    if (segment.kind !== "variable") continue;
    const field = fields.get(segment.field);
    if (field === undefined) throw new Error(`${name}: {${segment.field}} is no field`);
    if (field.fieldKind !== "scalar") throw new Error(`${name}: {${segment.field}} is no scalar`);
    fields.delete(segment.field);
  }
  let body: Binding["body"] = null;
  if (rule.body === "*") {
    body = "message";
    fields.clear();
  } else if (rule.body !== "") {
    const field = fields.get(rule.body);
    if (field?.fieldKind !== "message") throw new Error(`${name}: ${rule.body} is no message`);
    body = field;
    fields.delete(rule.body);
  }
  const { status, message } = getOption(method, answer);
  return [
    {
      verb: verbs[pattern.case],
      segments,
      method,
      body,
      query: new Map([...fields].filter(([, field]) => isQueryable(field))),
      status: status || 200,
      message,
    },
  ];
}

function isQueryable(field: DescField): boolean {
  return (
    field.fieldKind === "scalar" || (field.fieldKind === "list" && field.listKind === "scalar")
  );
}
