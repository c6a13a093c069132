// HTTP request × binding → request message: body first, then path variables, then query.
import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { Refused, type Violation } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import type { Binding } from "./http-rule.ts";
import { shapeOf } from "./shape.ts";

/** Greatest request body in bytes: a permission document of the greatest size fits. */
export const bodyBytesMax = 256 * 1024;

/**
 * Reads the message that a matched request carries. Throws Refused: PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE,
 * INVALID_JSON, VALIDATION_ERROR (with every field that does not fit), INVALID_PARAMETER_VALUE.
 */
export async function readRequest(
  binding: Binding,
  variables: readonly string[],
  query: URLSearchParams,
  request: Request,
): Promise<Message> {
  const input = binding.method.input;
  const json: JsonObject = {};
  if (binding.body === "message") Object.assign(json, fit(input, await readBody(request)));
  else if (binding.body !== null && binding.body.message !== undefined) {
    const { name, message } = binding.body;
    json[name] = fit(message, await readBody(request), `/${name}`);
  }
  const fields = new Map(input.fields.map((field) => [field.name, field]));
  let next = 0;
  for (const segment of binding.segments) {
    if (segment.kind !== "variable") continue;
    const value = variables[next++];
    const field = fields.get(segment.field);
    if (field === undefined || value === undefined) continue;
    const said = json[segment.field];
    if (said !== undefined && said !== value) {
      throw new Refused(ErrorCode.VALIDATION_ERROR, [
        { instancePath: `/${segment.field}`, message: "must be the one in the path" },
      ]);
    }
    json[segment.field] = value;
  }
  readQuery(binding.query, query, json);
  return fromJson(input, json);
}

/** `at`: where the body stands in the request message. */
function fit(desc: DescMessage, body: JsonValue, at = ""): JsonObject {
  const shaped = shapeOf(desc, body);
  if (shaped.ok) return shaped.json;
  const violations = shaped.violations.map(({ instancePath, message }) => ({
    instancePath: `${at}${instancePath}`,
    message,
  }));
  throw new Refused(ErrorCode.VALIDATION_ERROR, violations);
}

const mediaType = /^application\/(json|[a-z0-9.+-]+\+json)\s*(;|$)/i;

/** An absent body is an empty object: methods whose fields are all optional may be called without one. */
async function readBody(request: Request): Promise<JsonValue> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > bodyBytesMax) throw new Refused(ErrorCode.PAYLOAD_TOO_LARGE);
  const bytes = await readBounded(request);
  if (bytes.length === 0) return {};
  if (!mediaType.test(request.headers.get("content-type") ?? "")) {
    throw new Refused(ErrorCode.UNSUPPORTED_MEDIA_TYPE);
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw new Refused(ErrorCode.INVALID_JSON);
  }
}

async function readBounded(request: Request): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body) {
    length += chunk.byteLength;
    if (length > bodyBytesMax) throw new Refused(ErrorCode.PAYLOAD_TOO_LARGE);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A parameter that the method does not know is refused: a misspelt flag must not be silently off. */
function readQuery(
  fields: ReadonlyMap<string, DescField>,
  query: URLSearchParams,
  json: JsonObject,
): void {
  const violations: Violation[] = [];
  for (const name of new Set(query.keys())) {
    const texts = query.getAll(name);
    const field = fields.get(name);
    const value = field === undefined ? undefined : parameter(field, texts);
    if (value !== undefined) json[name] = value;
    else {
      const message =
        field === undefined ? "is not a known parameter" : "has a value that does not fit";
      violations.push({ instancePath: `/${name}`, message });
    }
  }
  if (violations.length > 0) throw new Refused(ErrorCode.INVALID_PARAMETER_VALUE, violations);
}

/** The texts of one parameter as JSON for its field; undefined when they do not fit. */
function parameter(field: DescField, texts: readonly string[]): JsonValue | undefined {
  if (field.fieldKind === "list") return [...texts];
  const text = texts[0];
  if (field.fieldKind !== "scalar" || text === undefined || texts.length !== 1) return undefined;
  switch (field.scalar) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BOOL:
      return text === "true" ? true : text === "false" ? false : undefined;
    case ScalarType.INT32:
      return /^-?\d{1,9}$/.test(text) ? Number(text) : undefined;
    default:
      return undefined;
  }
}
