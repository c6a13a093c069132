// Parameters of a call of the curl program, from the query of a link or from a JSON body.

import { jsonFaultKinds } from "../../json/json-faults.ts";

/** Each parameter with all its values. */
export type CurlParameters = ReadonlyMap<string, readonly string[]>;

/** From a query (without `?`): names and values are percent-decoded once, `+` is a space. Null when one cannot be. */
export function queryParameters(query: string): CurlParameters | null {
  const parameters = new Map<string, string[]>();
  for (const pair of query.split("&")) {
    const equals = pair.indexOf("=");
    if (equals === -1) {
      continue;
    }
    const name = decoded(pair.slice(0, equals));
    const value = decoded(pair.slice(equals + 1));
    if (name === null || value === null) {
      return null;
    }
    add(parameters, name, value);
  }
  return parameters;
}

/**
 * From a JSON object: texts, numbers and booleans; `header` a list of lines or an object; `json` anything. Null otherwise, and when
 * something would not be sent as it was written: numbers that a double does not hold, equal names.
 */
export function jsonParameters(text: string): CurlParameters | null {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(fields) || jsonFaultKinds(text).size > 0) {
    return null;
  }
  const parameters = new Map<string, string[]>();
  for (const [name, value] of Object.entries(fields)) {
    for (const each of valuesOf(name, value)) {
      if (each === null) {
        return null;
      }
      add(parameters, name, each);
    }
  }
  return parameters;
}

function valuesOf(name: string, value: unknown): readonly (string | null)[] {
  if (name === "json") {
    return [typeof value === "string" ? value : JSON.stringify(value)];
  }
  if (name === "header" && Array.isArray(value)) {
    return value.map(scalar);
  }
  if (name === "header" && isObject(value)) {
    return Object.entries(value).map(([field, text]) => `${field}: ${scalar(text) ?? "\0"}`);
  }
  return [scalar(value)];
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function scalar(value: unknown): string | null {
  const isScalar =
    typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  return isScalar ? String(value) : null;
}

function add(parameters: Map<string, string[]>, name: string, value: string): void {
  const values = parameters.get(name);
  if (values === undefined) {
    parameters.set(name, [value]);
  } else {
    values.push(value);
  }
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return null;
  }
}
