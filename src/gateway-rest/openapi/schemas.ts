// Messages → JSON Schema (2020-12), as REST reads and writes them. A message that differs in requests and answers gets two
// components.
import {
  type DescField,
  type DescMessage,
  getOption,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import {
  asked_by,
  json_text,
  null_beside,
  nullable,
  omit_empty,
  output_only,
  type Rule,
  rule,
} from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { isSendable } from "../routing/rest-fields.ts";
import { descriptionOf } from "./comments.ts";
import { scalarSchema } from "./scalar-schema.ts";

export type SchemaDirection = "request" | "answer";

/** `components.schemas`, added as operations refer to them. */
export class Schemas {
  readonly #components = new Map<string, JsonObject>();
  /** Component names by direction, message and fields. */
  readonly #names = new Map<string, string>();
  readonly #answered: ReadonlySet<DescMessage>;

  /** `answers`: the response messages of all methods. */
  constructor(answers: readonly DescMessage[]) {
    const reached = new Set<DescMessage>();
    const visit = (message: DescMessage): void => {
      if (reached.has(message)) return;
      reached.add(message);
      for (const field of message.fields) if (field.message !== undefined) visit(field.message);
    };
    for (const message of answers) visit(message);
    this.#answered = reached;
  }

  /** The components, sorted by name. */
  components(): JsonObject {
    return Object.fromEntries([...this.#components].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** A reference to the message's component. `without`: names of fields that are in path or query. */
  message(
    message: DescMessage,
    direction: SchemaDirection,
    without: ReadonlySet<string> = new Set(),
  ): JsonObject {
    const known = freeForms.get(message.typeName);
    if (known !== undefined) return { ...known };
    const fields = message.fields.filter((field) => !without.has(field.name));
    const names = fields.map(({ name }) => name).join();
    const key = `${direction} ${message.typeName} ${names}`;
    const name = this.#names.get(key) ?? this.#newName(message, direction);
    if (!this.#names.has(key)) {
      this.#names.set(key, name);
      // Register before visiting the fields: they may refer back to this message.
      this.#components.set(name, {});
      this.#components.set(name, this.#object(message, fields, direction));
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  #newName(message: DescMessage, direction: SchemaDirection): string {
    const own = message.typeName.slice(message.file.proto.package.length + 1);
    const base = direction === "request" && this.#answered.has(message) ? `${own}Input` : own;
    let name = base;
    for (let count = 2; this.#components.has(name); count++) name = `${base}${count}`;
    return name;
  }

  #object(message: DescMessage, all: readonly DescField[], direction: SchemaDirection): JsonObject {
    const fields = direction === "request" ? all.filter(isSendable) : all;
    const required = fields
      .filter(direction === "request" ? mustBeSent : isAlwaysAnswered)
      .map(({ name }) => name);
    return {
      type: "object",
      description: descriptionOf(message),
      properties: Object.fromEntries(
        fields.map((field) => [field.name, this.field(field, direction)]),
      ),
      ...(required.length > 0 ? { required } : {}),
      ...(direction === "request" ? { additionalProperties: false } : {}),
    };
  }

  /** The schema of a field, with its comment. */
  field(field: DescField, direction: SchemaDirection): JsonObject {
    const outputOnly = getOption(field, output_only);
    // Clients may send back output-only fields in the form of the answer.
    const as = outputOnly ? "answer" : direction;
    const value = this.#value(field, getOption(field, rule), as);
    const isNullable = getOption(field, nullable) || getOption(field, null_beside) !== "";
    const schema = isNullable ? orNull(value) : value;
    const readOnly = direction === "request" && outputOnly;
    return { ...schema, description: descriptionOf(field), ...(readOnly ? { readOnly } : {}) };
  }

  #value(field: DescField, rule: Rule, direction: SchemaDirection): JsonObject {
    if (field.fieldKind === "message" && accessFields.has(fullName(field))) return this.#access();
    switch (field.fieldKind) {
      case "scalar":
        return scalarSchema(field.scalar, rule);
      case "message":
        return this.message(field.message, direction);
      case "enum":
        return { type: "string", enum: field.enum.values.map(({ name }) => name) };
      case "list": {
        const items = this.#element(field, rule, direction);
        return { type: "array", items, ...limit("maxItems", rule) };
      }
      case "map": {
        const element = this.#element(field, rule, direction);
        const asText = direction === "request" && getOption(field, json_text);
        const additionalProperties = asText ? { anyOf: [element, jsonText] } : element;
        return { type: "object", additionalProperties, ...limit("maxProperties", rule) };
      }
    }
  }

  /** A reference to the component that says what of a program is open. */
  #access(): JsonObject {
    this.#components.set("Access", access);
    return { $ref: "#/components/schemas/Access" };
  }

  #element(
    field: DescField & { fieldKind: "list" | "map" },
    { pattern }: Rule,
    direction: SchemaDirection,
  ): JsonObject {
    if (accessFields.has(fullName(field))) {
      return { type: "object", additionalProperties: this.#access() };
    }
    if (field.message !== undefined) return this.message(field.message, direction);
    if (field.scalar === undefined) return { type: "string" };
    const isPatterned = field.fieldKind === "list" && field.scalar === ScalarType.STRING;
    return { ...scalarSchema(field.scalar), ...(isPatterned && pattern !== "" ? { pattern } : {}) };
  }
}

/** Fields with the access to one program, or by program. In the contract they are values of any kind. */
const accessFields: ReadonlySet<string> = new Set([
  "PermissionDocument.permissions",
  "SetPermissionRequest.access",
]);

function fullName({ parent, name }: DescField): string {
  return `${parent.name}.${name}`;
}

const access: JsonObject = {
  description:
    "What of a program is open: all (`true`, `*`) or nothing, an instance, several, or a range. Of `http` and `https` an instance is a port.",
  oneOf: [
    { type: "boolean" },
    { type: "integer", minimum: 1, maximum: 65_535 },
    { type: "array", items: { type: "integer", minimum: 1, maximum: 65_535 } },
    { type: "string", description: "`*`, or a range: `1-5`." },
  ],
};

/** Well-known types with their own JSON form. */
const freeForms: ReadonlyMap<string, JsonObject> = new Map([
  ["google.protobuf.Value", {}],
  // Without this, generators take an object for one that has no fields.
  ["google.protobuf.Struct", { type: "object", additionalProperties: true }],
  ["google.protobuf.ListValue", { type: "array" }],
  ["google.protobuf.Timestamp", { type: "string", format: "date-time" }],
  ["google.protobuf.Empty", { type: "object", additionalProperties: false }],
]);

const jsonText: JsonObject = {
  type: "string",
  contentMediaType: "application/json",
  description: "The same value as JSON text.",
};

function limit(keyword: "maxItems" | "maxProperties", { max }: Rule): JsonObject {
  return max === undefined ? {} : { [keyword]: max };
}

function mustBeSent(field: DescField): boolean {
  return getOption(field, rule).required;
}

/** Whether present.ts always writes a field: fields without presence, and documented nulls. */
export function isAlwaysAnswered(field: DescField): boolean {
  if (getOption(field, omit_empty) || getOption(field, asked_by) !== "") return false;
  return getOption(field, nullable) || field.presence === FeatureSet_FieldPresence.IMPLICIT;
}

function orNull(schema: JsonObject): JsonObject {
  if (schema.$ref !== undefined) return { anyOf: [schema, { type: "null" }] };
  const { type, enum: words, ...rest } = schema;
  if (type === undefined) return schema;
  const nulled: Record<string, JsonValue> = { type: [type, "null"], ...rest };
  if (Array.isArray(words)) nulled.enum = [...words, null];
  return nulled;
}
