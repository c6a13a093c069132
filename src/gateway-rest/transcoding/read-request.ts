// HTTP request × binding → request message: body, then path variables, then query.
import {
  create,
  type DescField,
  type DescMessage,
  fromJson,
  getOption,
  type JsonObject,
  type JsonValue,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { ApiError, type FieldViolation, type Measure } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { CallerKind, requires } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { pointerStep } from "../../../proto/json-pointer.ts";
import { type JsonFault, jsonFaults } from "../../json/json-faults.ts";
import { type Binding, realmFilter } from "../routing/http-rule.ts";
import { bodyBytesMax, type Pace, publicBodyBytesMax, readBounded } from "./bounded-body.ts";
import { jsonFaultMessages, shapeOf, violationsMax } from "./shape.ts";

/**
 * Reads the message that a matched request carries. Throws ApiError: PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT, UNSUPPORTED_MEDIA_TYPE,
 * INVALID_JSON, VALIDATION_ERROR (with all invalid fields), INVALID_PARAMETER_VALUE. `measure`: see Call.message.
 */
export async function readRequest(
  binding: Binding,
  variables: readonly string[],
  query: URLSearchParams,
  request: Request,
  pace: Pace,
  measure: Measure = (work) => work(),
): Promise<Message> {
  const bytes =
    binding.body === null ? null : await readBounded(request, pace, bytesMaxOf(binding));
  return measure(() => messageOf(binding, variables, query, request, bytes));
}

function bytesMaxOf({ method }: Binding): number {
  const isPublic = getOption(method, requires).caller === CallerKind.PUBLIC;
  return isPublic ? publicBodyBytesMax : bodyBytesMax;
}

/** `bytes`: the body; null: the method has none. */
function messageOf(
  binding: Binding,
  variables: readonly string[],
  query: URLSearchParams,
  request: Request,
  bytes: Uint8Array | null,
): Message {
  const { input } = binding.method;
  const { json, sent } = readBody(binding, request, bytes);
  const fromPath = readPath(binding, variables, json);
  readQuery(binding.query, query, json);
  const message = fromJson(input, json);
  if (binding.updateMask !== null) {
    const paths = sent.filter((name) => !fromPath.has(name));
    const mask = reflect(FieldMaskSchema, create(FieldMaskSchema, { paths }));
    reflect(input, message).set(binding.updateMask, mask);
  }
  return message;
}

interface RequestBody {
  /** The fields of the request message that the body sets. */
  readonly json: JsonObject;
  /** The names of the fields that were sent. */
  readonly sent: readonly string[];
}

function readBody(
  { body, method, query }: Binding,
  request: Request,
  bytes: Uint8Array | null,
): RequestBody {
  if (body === null || bytes === null) return { json: {}, sent: [] };
  if (body === "message") {
    const whole = fit(method.input, readJson(request, bytes));
    refuseParameters(query, whole.sent);
    return whole;
  }
  const { name, message } = body;
  if (message === undefined) throw new Error(`${method.name}: ${name} is not a message`);
  const { json, sent } = fit(message, readJson(request, bytes, `/${name}`), `/${name}`);
  return { json: { [name]: json }, sent };
}

/** Query parameters may not appear in the body as well: the two values could differ. */
function refuseParameters(query: Binding["query"], sent: readonly string[]): void {
  const violations = sent
    .filter((name) => query.has(name))
    .map((name) => ({ instancePath: `/${name}`, message: "is a query parameter, not a field" }));
  if (violations.length > 0) throw new ApiError(ErrorCode.VALIDATION_ERROR, violations);
}

/** `at`: JSON pointer to the body in the request message. */
function fit(desc: DescMessage, body: JsonValue, at = ""): RequestBody {
  const shaped = shapeOf(desc, body);
  if (shaped.ok) return shaped;
  const violations = shaped.violations.map(({ instancePath, message }) => ({
    instancePath: `${at}${instancePath}`,
    message,
  }));
  throw new ApiError(ErrorCode.VALIDATION_ERROR, violations);
}

/** Sets the fields in the path and returns their names. The body may repeat a field with the same value only. */
function readPath(
  { segments }: Binding,
  variables: readonly string[],
  json: JsonObject,
): ReadonlySet<string> {
  const names = segments.flatMap((segment) => (segment.kind === "variable" ? [segment.field] : []));
  for (const [index, name] of names.entries()) {
    const value = variables[index] ?? "";
    const inBody = json[name];
    if (inBody !== undefined && inBody !== value) {
      throw new ApiError(ErrorCode.VALIDATION_ERROR, [
        { instancePath: `/${name}`, message: "must be the one in the path" },
      ]);
    }
    json[name] = value;
  }
  return new Set(names);
}

const mediaType = /^application\/(json|[a-z0-9.+-]+\+json)\s*(;|$)/i;

/**
 * An absent body counts as an empty object, so that methods with only optional fields need no body. Refuses what JSON.parse would
 * change without a word. `at`: JSON pointer to the body in the request message.
 */
function readJson(request: Request, bytes: Uint8Array, at = ""): JsonValue {
  if (bytes.length === 0) return {};
  if (!mediaType.test(request.headers.get("content-type") ?? "")) {
    throw new ApiError(ErrorCode.UNSUPPORTED_MEDIA_TYPE);
  }
  const { json, faults } = parseJson(bytes);
  if (faults.length > 0) {
    const violations = faults.map(({ kind, path }) => ({
      instancePath: `${at}${path.map(pointerStep).join("")}`,
      message: jsonFaultMessages[kind],
    }));
    throw new ApiError(ErrorCode.VALIDATION_ERROR, violations);
  }
  return json;
}

function parseJson(bytes: Uint8Array): { json: JsonValue; faults: readonly JsonFault[] } {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return { json: JSON.parse(text), faults: jsonFaults(text, violationsMax) };
  } catch {
    throw new ApiError(ErrorCode.INVALID_JSON);
  }
}

/**
 * Refuses unknown parameters: a misspelt flag must not be ignored. The realm filter is not part of the message, but may appear
 * only once.
 */
function readQuery(
  fields: ReadonlyMap<string, DescField>,
  query: URLSearchParams,
  json: JsonObject,
): void {
  const violations: FieldViolation[] = [];
  for (const name of new Set(query.keys())) {
    const texts = query.getAll(name);
    if (name === realmFilter && texts.length === 1) continue;
    const field = fields.get(name);
    const value = field === undefined ? undefined : parameter(field, texts);
    if (value !== undefined) json[name] = value;
    else {
      const known = field !== undefined || name === realmFilter;
      const message = known ? "has a value that does not fit" : "is not a known parameter";
      violations.push({ instancePath: `/${name}`, message });
    }
  }
  if (violations.length > 0) throw new ApiError(ErrorCode.INVALID_PARAMETER_VALUE, violations);
}

/** The values of one parameter as JSON for its field; undefined when they are invalid. */
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
