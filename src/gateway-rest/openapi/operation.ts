// A binding → an OpenAPI operation.
import { type DescField, getOption, type JsonObject } from "@bufbuild/protobuf";
import {
  CallerKind,
  ProjectLevel,
  ProjectLevelSchema,
  type Requires,
  requires,
  rule,
} from "../../../proto/gen/realmgate/v1/options_pb.ts";
import type { Binding } from "../routing/http-rule.ts";
import { descriptionOf, summaryOf } from "./comments.ts";
import { tagOf } from "./names.ts";
import { type Refusals, successOf } from "./responses.ts";
import type { Schemas } from "./schemas.ts";

/** `id`: the operationId. Adds the components that the operation refers to. */
export function operationOf(
  binding: Binding,
  id: string,
  schemas: Schemas,
  refusals: Refusals,
): JsonObject {
  const { method } = binding;
  const needs = getOption(method, requires);
  return {
    operationId: id,
    tags: [tagOf(method.parent)],
    summary: summaryOf(method),
    description: descriptionOf(method),
    parameters: parametersOf(binding, needs, schemas),
    ...(binding.body === null ? {} : { requestBody: bodyOf(binding, schemas) }),
    responses: { [binding.status]: successOf(binding, schemas), ...refusals.of(binding) },
    // Generated clients send the same text by every scheme that is listed, and the last one wins.
    security: needs.caller === CallerKind.PUBLIC ? [] : [{ bearer: [] }],
    ...(needs.leaves.length === 0 ? {} : { "x-permission-leaves": needs.leaves }),
    ...(needs.level === ProjectLevel.UNSPECIFIED ? {} : { "x-project-level": wordOf(needs.level) }),
  };
}

function wordOf(level: ProjectLevel): string {
  return (ProjectLevelSchema.value[level]?.localName ?? "").toLowerCase();
}

function parametersOf(binding: Binding, needs: Requires, schemas: Schemas): JsonObject[] {
  const fields = new Map(binding.method.input.fields.map((field) => [field.name, field]));
  const named = (names: Iterable<string>) =>
    [...names].map((name) => fields.get(name)).filter((field) => field !== undefined);
  return [
    ...named(pathNames(binding)).map((field) => parameter(field, "path", schemas)),
    ...named(binding.query.keys()).map((field) => parameter(field, "query", schemas)),
    ...(needs.caller === CallerKind.PUBLIC ? [] : [{ $ref: "#/components/parameters/realm_id" }]),
    ...(needs.ifMatch ? [{ $ref: "#/components/parameters/If-Match" }] : []),
  ];
}

function parameter(field: DescField, place: "path" | "query", schemas: Schemas): JsonObject {
  const { description = "", ...schema } = schemas.field(field, "request");
  const required = place === "path" || getOption(field, rule).required;
  return { name: field.name, in: place, required, description, schema };
}

function pathNames({ segments }: Binding): ReadonlySet<string> {
  return new Set(segments.flatMap((each) => (each.kind === "variable" ? [each.field] : [])));
}

function bodyOf(binding: Binding, schemas: Schemas): JsonObject {
  const { body, method } = binding;
  const isField = body !== null && body !== "message";
  const message = isField ? body.message : method.input;
  if (message === undefined) throw new Error(`${method.name}: the body is not a message`);
  const elsewhere = [...pathNames(binding), ...binding.query.keys()];
  const without = new Set(isField ? [] : elsewhere);
  const needed = isField ? [body] : message.fields.filter(({ name }) => !without.has(name));
  return {
    required: needed.some((field) => getOption(field, rule).required),
    content: { "application/json": { schema: schemas.message(message, "request", without) } },
  };
}
