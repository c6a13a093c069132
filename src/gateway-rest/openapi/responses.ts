// Responses of an operation: the success envelope, and errors by status.
import { STATUS_CODES } from "node:http";
import { getOption, type JsonObject, ScalarType } from "@bufbuild/protobuf";
import { refusalOf } from "../../../proto/errors.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { CallerKind, requires } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import type { Binding } from "../routing/http-rule.ts";
import { failureEnvelope } from "../transcoding/answer.ts";
import { refusalsOf } from "./refusals.ts";
import { isAlwaysAnswered, type Schemas } from "./schemas.ts";

/** `components.responses`: error responses, added as operations refer to them, each once. */
export class Refusals {
  /** Responses as JSON text, by name. */
  readonly #components = new Map<string, string>();

  components(): JsonObject {
    return Object.fromEntries(
      [...this.#components].map(([name, text]) => [name, JSON.parse(text)]),
    );
  }

  /** References to the error responses of a route, by status. */
  of(binding: Binding): JsonObject {
    const byStatus = Map.groupBy(refusalsOf(binding), (code) => refusalOf(code).http);
    const refs = [...byStatus].map(([status, codes]) => {
      const [first, ...others] = codes.map(nameOf);
      const base = first !== undefined && others.length === 0 ? first : `Error${status}`;
      const name = this.#name(base, JSON.stringify(failureOf(binding, status, codes)));
      return [status, { $ref: `#/components/responses/${name}` }];
    });
    return Object.fromEntries(refs);
  }

  /** The name of a response: `base`, with a number appended when another response has that name. */
  #name(base: string, text: string): string {
    let name = base;
    for (let count = 2; (this.#components.get(name) ?? text) !== text; count++) {
      name = `${base}_${count}`;
    }
    this.#components.set(name, text);
    return name;
  }
}

/** The success response of a route. */
export function successOf(binding: Binding, schemas: Schemas): JsonObject {
  const { method, verb, status, message } = binding;
  const beside = besideOf(binding, schemas);
  const optional = new Set(
    method.output.fields.filter((field) => !isAlwaysAnswered(field)).map(({ name }) => name),
  );
  const isDocument = method.output.fields.some(
    ({ name, scalar }) => name === "etag" && scalar === ScalarType.STRING,
  );
  const isWrite = verb !== "GET" && getOption(method, requires).caller !== CallerKind.PUBLIC;
  const schema: JsonObject = {
    type: "object",
    properties: {
      statusCode: { const: status },
      message: { type: "string", examples: [message] },
      ...beside,
    },
    required: [
      "statusCode",
      "message",
      ...Object.keys(beside).filter((name) => name === "data" || !optional.has(name)),
    ],
  };
  return {
    description: message,
    headers: headers([
      "X-Request-Id",
      ...(isDocument ? ["ETag"] : []),
      ...(isWrite ? ["X-Realmgate-Revision"] : []),
    ]),
    content: { "application/json": { schema } },
  };
}

/** `data` and the fields beside it, as answer.ts writes them. */
function besideOf({ method, data }: Binding, schemas: Schemas): JsonObject {
  if (data === null) return {};
  const { output } = method;
  if (output.typeName === "google.protobuf.Empty") return { data: { type: "null" } };
  if (data === "message") return { data: schemas.message(output, "answer") };
  const siblings = output.fields.filter((field) => field !== data);
  return {
    data: schemas.field(data, "answer"),
    ...Object.fromEntries(siblings.map((field) => [field.name, schemas.field(field, "answer")])),
  };
}

function failureOf({ errors }: Binding, status: number, codes: readonly ErrorCode[]): JsonObject {
  const examples = codes.map((code) => {
    const name = nameOf(code);
    const example = errors.has(status)
      ? { value: failureEnvelope({ code }, errors) }
      : { $ref: `#/components/examples/${name}` };
    return [name, example];
  });
  const machineCodes = [...new Set(codes.map((code) => refusalOf(code).code))];
  return {
    description: `${STATUS_CODES[status]}: ${machineCodes.join(", ")}`,
    headers: headers(["X-Request-Id", ...(status === 429 ? ["Retry-After"] : [])]),
    content: {
      "application/json": {
        schema: { $ref: "#/components/schemas/Error" },
        examples: Object.fromEntries(examples),
      },
    },
  };
}

function headers(names: readonly string[]): JsonObject {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

/** The envelope of every error, by the code's name in the contract. */
export function examples(): JsonObject {
  const codes = Object.values(ErrorCode).filter((code) => code !== ErrorCode.UNSPECIFIED);
  return Object.fromEntries(
    codes.map((code) => [nameOf(code), { value: failureEnvelope({ code }) }]),
  );
}

function nameOf(code: ErrorCode): string {
  return Object.entries(ErrorCode).find(([, number]) => number === code)?.[0] ?? String(code);
}
