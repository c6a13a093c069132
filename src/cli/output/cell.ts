// A value of the API → one safe line for people.
import { safeText } from "../terminal/safe-text.ts";

/** Joins lists of plain values with commas, shows trees of booleans as the paths that are true, empty values as `-`, others as JSON. */
export function cell(value: unknown): string {
  if (value === null || value === undefined || value === "") return "-";
  if (typeof value === "string") return safeText(value);
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) {
    return value.length === 0 ? "-" : safeText(value.join(", "));
  }
  const isEmpty = Object.keys(value).length === 0;
  const truths = isEmpty ? null : truthTree(value, "");
  if (truths !== null) return truths.length === 0 ? "none" : safeText(truths.join(", "));
  return isEmpty ? "-" : safeText(JSON.stringify(value));
}

/** A tree of booleans → paths of the true ones; null: the tree has other values. */
function truthTree(value: unknown, path: string): string[] | null {
  if (typeof value === "boolean") return value ? [path] : [];
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const all: string[] = [];
  for (const [name, inner] of Object.entries(value)) {
    const found = truthTree(inner, path === "" ? name : `${path}.${name}`);
    if (found === null) return null;
    all.push(...found);
  }
  return all;
}

/** `max_containers` → `max containers`. */
export function heading(field: string): string {
  return safeText(field.replaceAll(/[_.]/g, " "));
}

/** The value at a dotted path; undefined: absent. */
export function fieldAt(value: unknown, path: string): unknown {
  let at = value;
  for (const name of path.split(".")) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[name];
  }
  return at;
}

/** The list at a dotted path; empty when there is none. */
export function listAt(value: unknown, path: string): readonly unknown[] {
  const list = fieldAt(value, path);
  return Array.isArray(list) ? list : [];
}
