// JSON × message descriptor → the validated JSON, or all violations.
// The reader of protobuf-es stops at its first error and does not report its position.

import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { type DescField, type DescMessage, getOption, ScalarType } from "@bufbuild/protobuf";
import type { FieldViolation } from "../../../proto/call.ts";
import { json_text, nullable, output_only } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { pointerStep } from "../../../proto/json-pointer.ts";
import { type JsonFault, jsonFaults } from "../../json/json-faults.ts";
import { isSendable } from "../routing/rest-fields.ts";

/** Maximum nesting of a body, counted in objects and arrays. */
export const depthMax = 32;
/** Maximum number of violations reported for one body. */
export const violationsMax = 100;

/** What is said of JSON that would not be read as it was written. */
export const jsonFaultMessages: Readonly<Record<JsonFault["kind"], string>> = {
  number:
    "must be a number that is kept exactly: an integer up to ±9007199254740991, or a decimal that a double holds; send others as text",
  duplicate: "is there more than once",
};

type Shaped =
  | {
      readonly ok: true;
      readonly json: JsonObject;
      /** Names of the fields that were sent, including null ones: what a partial update changes. */
      readonly sent: readonly string[];
    }
  | { readonly ok: false; readonly violations: readonly FieldViolation[] };

/**
 * Checks that `json` is a message of this type, with snake-case names and no unknown fields. Values of maps with `json_text`
 * may be JSON text and are parsed once. Drops output-only fields. Accepts null only where the contract documents it.
 */
export function shapeOf(message: DescMessage, json: JsonValue): Shaped {
  const checker = new Checker();
  const shaped = checker.message(message, json, "", 1);
  if (checker.violations.length > 0) {
    return { ok: false, violations: checker.violations.slice(0, violationsMax) };
  }
  const writable = message.fields.filter((field) => !getOption(field, output_only));
  const sent = writable
    .map(({ name }) => name)
    .filter((name) => Object.hasOwn(json as object, name));
  return { ok: true, json: shaped as JsonObject, sent };
}

class Checker {
  readonly violations: FieldViolation[] = [];

  message(desc: DescMessage, json: JsonValue, path: string, depth: number): JsonValue {
    switch (desc.typeName) {
      case "google.protobuf.Value":
        return this.#free(json, path, depth);
      case "google.protobuf.Struct":
        return isObject(json)
          ? this.#free(json, path, depth)
          : this.#expected("object", json, path);
      case "google.protobuf.ListValue":
        return Array.isArray(json)
          ? this.#free(json, path, depth)
          : this.#expected("array", json, path);
    }
    if (!isObject(json)) return this.#expected("object", json, path);
    if (depth > depthMax) return this.#tooDeep(json, path);
    const fields = new Map(desc.fields.filter(isSendable).map((field) => [field.name, field]));
    const shaped: JsonObject = Object.create(null);
    for (const [name, value] of Object.entries(json)) {
      const at = `${path}${pointerStep(name)}`;
      const field = fields.get(name);
      if (field === undefined) this.#add(at, "is not a known field");
      else if (value === null && getOption(field, nullable)) continue;
      else if (!getOption(field, output_only)) shaped[name] = this.#field(field, value, at, depth);
    }
    return shaped;
  }

  #field(field: DescField, json: JsonValue, path: string, depth: number): JsonValue {
    switch (field.fieldKind) {
      case "scalar":
        return this.#scalar(field.scalar, json, path);
      case "message":
        return this.message(field.message, json, path, depth + 1);
      case "list":
        if (!Array.isArray(json)) return this.#expected("array", json, path);
        return json.map((item, index) => this.#element(field, item, `${path}/${index}`, depth + 1));
      case "map": {
        if (!isObject(json)) return this.#expected("object", json, path);
        const shaped: JsonObject = Object.create(null);
        for (const [key, value] of Object.entries(json)) {
          const at = `${path}${pointerStep(key)}`;
          const plain = getOption(field, json_text) ? this.#text(value, at) : value;
          shaped[key] = this.#element(field, plain, at, depth + 1);
        }
        return shaped;
      }
      case "enum":
        throw new Error(`no REST field is an enum: ${field.name}`);
    }
  }

  #element(
    field: DescField & { fieldKind: "list" | "map" },
    json: JsonValue,
    path: string,
    depth: number,
  ): JsonValue {
    if (field.message !== undefined) return this.message(field.message, json, path, depth);
    if (field.scalar !== undefined) return this.#scalar(field.scalar, json, path);
    return json;
  }

  /** Parses a value that was sent as JSON text, once. */
  #text(json: JsonValue, path: string): JsonValue {
    if (typeof json !== "string") return json;
    try {
      const value: JsonValue = JSON.parse(json);
      for (const { kind, path: steps } of jsonFaults(json, violationsMax)) {
        this.#add(`${path}${steps.map(pointerStep).join("")}`, jsonFaultMessages[kind]);
      }
      return value;
    } catch {
      this.#add(path, "must be an object, or JSON text of one");
      return {};
    }
  }

  #scalar(type: ScalarType, json: JsonValue, path: string): JsonValue {
    switch (type) {
      case ScalarType.STRING:
        if (typeof json !== "string") return this.#expected("string", json, path);
        if (!json.isWellFormed()) this.#add(path, "must be well-formed Unicode");
        return json;
      case ScalarType.BOOL:
        return typeof json === "boolean" ? json : this.#expected("boolean", json, path);
      case ScalarType.INT32:
        if (!Number.isInteger(json)) return this.#expected("integer", json, path);
        if (json !== (Number(json) | 0)) this.#add(path, "must be a 32-bit integer");
        return json;
      default:
        throw new Error(`no REST field has scalar type ${ScalarType[type]}`);
    }
  }

  /** Free-form JSON: checks only depth, finite numbers and well-formed Unicode. */
  #free(json: JsonValue, path: string, depth: number): JsonValue {
    if (typeof json === "number" && !Number.isFinite(json)) this.#add(path, "must be finite");
    if (typeof json === "string" && !json.isWellFormed()) {
      this.#add(path, "must be well-formed Unicode");
    }
    if (typeof json !== "object" || json === null) return json;
    if (depth > depthMax) return this.#tooDeep(json, path);
    for (const [key, value] of Object.entries(json)) {
      const at = `${path}${pointerStep(key)}`;
      if (!key.isWellFormed()) this.#add(at, "must be well-formed Unicode");
      this.#free(value, at, depth + 1);
    }
    return json;
  }

  #expected(type: string, json: JsonValue, path: string): JsonValue {
    this.#add(path, `must be ${type}`);
    return json;
  }

  #tooDeep(json: JsonValue, path: string): JsonValue {
    this.#add(path, `must not be nested deeper than ${depthMax} levels`);
    return json;
  }

  #add(instancePath: string, message: string): void {
    if (this.violations.length <= violationsMax) this.violations.push({ instancePath, message });
  }
}

function isObject(json: JsonValue): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
