// Messages → TypeScript interfaces of REST's JSON: snake case, nulls where the .proto files declare them. Requests and answers
// differ (defaults, read-only fields), so a message may have two: `X` and `XInput`.
import { type DescField, type DescMessage, getOption, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import comments from "../../proto/comments.json" with { type: "json" };
import { json_text, nullable, omit_empty, rule } from "../../proto/gen/realmgate/v1/options_pb.ts";

export type MessageDirection = "sent" | "answered";

const texts: ReadonlyMap<string, string> = new Map(Object.entries(comments));

/** An element's comment as an indented doc comment; "" when it has none. */
export function docComment(name: string, indent: string): string {
  const lines = (texts.get(name) ?? "").replaceAll("*/", "* /").split("\n").filter(Boolean);
  if (lines.length === 0) return "";
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join("")}${indent} */\n`;
}

/** Messages with a JSON form of their own in protobuf. */
const freeForms: ReadonlyMap<string, string> = new Map([
  ["google.protobuf.Value", "Json"],
  ["google.protobuf.Struct", "{ readonly [key: string]: Json }"],
  ["google.protobuf.ListValue", "readonly Json[]"],
  ["google.protobuf.Empty", "null"],
]);

/** Fields whose JSON is narrower than their descriptor says. */
const known: ReadonlyMap<string, string> = new Map([
  [
    "realmgate.v1.PermissionDocument.permissions",
    "{ readonly [group: string]: { readonly [program: string]: Access } }",
  ],
  ["realmgate.v1.SetPermissionRequest.access", "Access"],
]);

/** Types that no message defines. */
export const preamble = `/** JSON of any shape. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Every instance (true, "*"), none (false), one, some, or a range "a-b". The instance of http and https is the port. */
export type Access = boolean | number | readonly number[] | string;
`;

/** Collects the interfaces of all messages that are referred to. */
export class Types {
  readonly #written = new Map<string, string>();
  readonly #answered = new Set<DescMessage>();

  /** `answers`: messages of answers; their request form gets the suffix `Input`. */
  constructor(answers: readonly DescMessage[]) {
    const visit = (message: DescMessage): void => {
      if (this.#answered.has(message)) return;
      this.#answered.add(message);
      for (const field of message.fields) if (field.message !== undefined) visit(field.message);
    };
    for (const message of answers) visit(message);
  }

  /** All interfaces, sorted by name. */
  text(): string {
    const sorted = [...this.#written].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return sorted.map(([, text]) => text).join("\n");
  }

  /** The type of a whole message. */
  message(message: DescMessage, direction: MessageDirection): string {
    const free = freeForms.get(message.typeName);
    if (free !== undefined) return free;
    const own = message.typeName.slice(message.file.proto.package.length + 1);
    const name = direction === "sent" && this.#answered.has(message) ? `${own}Input` : own;
    this.interface(name, message.fields, direction, message.typeName);
    return name;
  }

  /** An interface of some fields under a name of its own. Throws when the name already means something else. */
  interface(
    name: string,
    fields: readonly DescField[],
    direction: MessageDirection,
    documented: string,
    base: string | null = null,
  ): string {
    const before = this.#written.get(name);
    // Registered before its fields, which may refer back to it.
    if (before === undefined) this.#written.set(name, "");
    if (before === "") return name;
    const lines = fields.map((field) => this.property(field, direction)).join("");
    const head = base === null ? "" : `extends ${base} `;
    const text = `${docComment(documented, "")}export interface ${name} ${head}{\n${lines}}\n`;
    if (before !== undefined && before !== text) throw new Error(`${name} means two things`);
    this.#written.set(name, text);
    return name;
  }

  /** A field as a line of an interface, with its comment. */
  property(field: DescField, direction: MessageDirection): string {
    const isThere =
      direction === "sent" ? getOption(field, rule).required : isAlwaysAnswered(field);
    const or = getOption(field, nullable) ? " | null" : "";
    // Accept undefined in requests, so that an answer with an undefined field can be sent back.
    const optional = direction === "sent" && !isThere ? " | undefined" : "";
    const name = `${docComment(`${field.parent.typeName}.${field.name}`, "  ")}  readonly ${field.name}`;
    return `${name}${isThere ? "" : "?"}: ${this.field(field, direction)}${or}${optional};\n`;
  }

  /** Whether the message is also part of an answer. */
  isAnswered(message: DescMessage): boolean {
    return this.#answered.has(message);
  }

  /** Whether a caller must send the field. */
  isRequired(field: DescField): boolean {
    return getOption(field, rule).required;
  }

  /** The type of a field's value. */
  field(field: DescField, direction: MessageDirection): string {
    const given = known.get(`${field.parent.typeName}.${field.name}`);
    if (given !== undefined) return given;
    switch (field.fieldKind) {
      case "scalar":
        return scalar(field);
      case "enum":
        return "string";
      case "message":
        return this.message(field.message, direction);
      case "list":
        return `readonly ${wrapped(this.#element(field, direction))}[]`;
      case "map": {
        const text = direction === "sent" && getOption(field, json_text) ? " | string" : "";
        return `{ readonly [name: string]: ${this.#element(field, direction)}${text} }`;
      }
    }
  }

  #element(field: DescField & { fieldKind: "list" | "map" }, direction: MessageDirection): string {
    if (field.message !== undefined) return this.message(field.message, direction);
    return field.scalar === undefined ? "string" : scalarNames(field.scalar);
  }
}

function scalar(field: DescField & { fieldKind: "scalar" }): string {
  const { oneOf } = getOption(field, rule);
  if (oneOf.length > 0) return oneOf.map((word) => JSON.stringify(word)).join(" | ");
  return scalarNames(field.scalar);
}

function scalarNames(type: ScalarType): string {
  if (type === ScalarType.STRING) return "string";
  return type === ScalarType.BOOL ? "boolean" : "number";
}

function wrapped(type: string): string {
  return /[ |]/.test(type) ? `(${type})` : type;
}

/** As the gateway writes: what has no presence, and documented nulls. */
function isAlwaysAnswered(field: DescField): boolean {
  if (getOption(field, omit_empty)) return false;
  return getOption(field, nullable) || field.presence === FeatureSet_FieldPresence.IMPLICIT;
}
