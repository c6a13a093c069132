// What a call of the curl program asks for.
import { isToken } from "../../policy/field-syntax.ts";
import { HOP_BY_HOP_OF_REQUESTS } from "../upstream/header-rules.ts";
import type { CurlParameters } from "./parameters.ts";

/** A request to be made. */
export interface CurlCall {
  readonly url: string;
  /** Upper case. */
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | null;
  readonly form: "json" | "transparent";
  readonly followRedirects: boolean;
  readonly timeoutMs: number;
}

export type ParsedCall =
  | { readonly ok: true; readonly call: CurlCall }
  | { readonly ok: false; readonly problem: string };

const METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
]);
const HEADERS_MAX = 32;
const TIMEOUT_S = 30;
const TIMEOUT_MAX_S = 60;

/** What would change the meaning of a call, and is not here. */
const UNSUPPORTED = ["session_id", "save", "save_path"] as const;

/** The fields of the connection, and those that the gate sets. */
const NOT_SETTABLE: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  ...HOP_BY_HOP_OF_REQUESTS,
]);
/** RFC 9110 §5.5. */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A problem that names the parameter, and never repeats its value. */
class Problem {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** `defaultForm`: how the answer comes back unless the call says. Parameters that are not known are not looked at. */
export function parseCall(parameters: CurlParameters, defaultForm: CurlCall["form"]): ParsedCall {
  const parsed = callOf(parameters, defaultForm);
  return parsed instanceof Problem
    ? { ok: false, problem: parsed.text }
    : { ok: true, call: parsed };
}

function callOf(parameters: CurlParameters, defaultForm: CurlCall["form"]): CurlCall | Problem {
  const one = single(parameters);
  if (one instanceof Problem) {
    return one;
  }
  const url = one.get("url");
  if (url === undefined || url === "") {
    return new Problem("url is missing");
  }
  const unsupported = UNSUPPORTED.find((name) => isSet(one.get(name)));
  if (unsupported !== undefined || (one.get("mode") ?? "sync") !== "sync") {
    return new Problem(`${unsupported ?? "mode other than sync"} is not supported`);
  }
  const sent = bodyOf(one);
  if (sent instanceof Problem) {
    return sent;
  }
  const method = (one.get("method") ?? (sent === null ? "GET" : "POST")).toUpperCase();
  if (!METHODS.has(method)) {
    return new Problem("method is not one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  }
  if (sent !== null && (method === "GET" || method === "HEAD")) {
    return new Problem("method GET and HEAD carry no body");
  }
  const headers = headersOf(parameters.get("header") ?? [], one);
  if (headers instanceof Problem) {
    return headers;
  }
  if (sent !== null && sent.type !== null && !headers.has("content-type")) {
    headers.set("content-type", sent.type);
  }
  const form = one.get("response") ?? defaultForm;
  if (form !== "json" && form !== "transparent") {
    return new Problem("response is json or transparent");
  }
  const follow = one.get("follow_redirects") ?? "true";
  if (follow !== "true" && follow !== "false") {
    return new Problem("follow_redirects is true or false");
  }
  const timeoutS = Number(one.get("timeout") ?? TIMEOUT_S);
  if (!(timeoutS > 0 && timeoutS <= TIMEOUT_MAX_S)) {
    return new Problem(`timeout is more than 0 and at most ${TIMEOUT_MAX_S} seconds`);
  }
  return {
    url,
    method,
    headers,
    body: sent === null ? null : sent.bytes,
    form,
    followRedirects: follow === "true",
    timeoutMs: timeoutS * 1000,
  };
}

const SINGLE = [
  "url",
  "method",
  "auth",
  "bearer_token",
  "body",
  "data",
  "json",
  "body_base64",
  "data_base64",
  "response",
  "follow_redirects",
  "timeout",
  "user_agent",
  "referer",
  "mode",
  ...UNSUPPORTED,
] as const;

type Single = ReadonlyMap<(typeof SINGLE)[number], string>;

/** A parameter that is there twice is ambiguous. */
function single(parameters: CurlParameters): Single | Problem {
  const values = new Map<(typeof SINGLE)[number], string>();
  for (const name of SINGLE) {
    const [value, ...more] = parameters.get(name) ?? [];
    if (more.length > 0) {
      return new Problem(`${name} is there more than once`);
    }
    if (value !== undefined) {
      values.set(name, value);
    }
  }
  return values;
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value !== "false";
}

interface Sent {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Content type unless the call states one; null: unknown. */
  readonly type: string | null;
}

function bodyOf(one: Single): Sent | null | Problem {
  const base64 = one.get("data_base64") ?? one.get("body_base64");
  if (base64 !== undefined) {
    return BASE64.test(base64)
      ? { bytes: new Uint8Array(Buffer.from(base64, "base64")), type: null }
      : new Problem("data_base64 is not base64");
  }
  const json = one.get("json");
  const text = one.get("data") ?? one.get("body");
  if (json !== undefined && text !== undefined) {
    return new Problem("there are two bodies, json and data");
  }
  if (json !== undefined) {
    return isJson(json)
      ? { bytes: new TextEncoder().encode(json), type: "application/json" }
      : new Problem("json is not JSON");
  }
  if (text === undefined) {
    return null;
  }
  const type = isJson(text) ? "application/json" : "application/x-www-form-urlencoded";
  return { bytes: new TextEncoder().encode(text), type };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function headersOf(lines: readonly string[], one: Single): Headers | Problem {
  if (lines.length > HEADERS_MAX) {
    return new Problem(`header is there more than ${HEADERS_MAX} times`);
  }
  const bearer = one.get("bearer_token");
  const named: readonly (readonly [name: string, value: string | undefined])[] = [
    ["authorization", one.get("auth")],
    ["authorization", bearer === undefined ? undefined : `Bearer ${bearer}`],
    ["user-agent", one.get("user_agent")],
    ["referer", one.get("referer")],
  ];
  const headers = new Headers();
  const fields = [
    ...lines.map(fieldOf),
    ...named.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  ];
  for (const field of fields) {
    if (field === null || !FIELD_VALUE.test(field[1])) {
      return new Problem("header is `Name: value`; other values are one line of Latin-1");
    }
    const name = field[0].toLowerCase();
    if (NOT_SETTABLE.has(name)) {
      return new Problem("header names a field that cannot be set");
    }
    if (name === "authorization" && headers.has(name)) {
      return new Problem("there are several authorizations");
    }
    headers.append(name, field[1]);
  }
  return headers;
}

function fieldOf(line: string): readonly [name: string, value: string] | null {
  const colon = line.indexOf(":");
  const name = line.slice(0, colon === -1 ? 0 : colon);
  return isToken(name) ? [name, line.slice(colon + 1).trim()] : null;
}
