import { portMax } from "./program.ts";

/**
 * What a group may do with one program: every instance, none, or some of them. `bounds` are inclusive ranges laid end
 * to end (first, last, first, last, …), ascending, disjoint and not adjacent.
 */
export type Access =
  | { readonly kind: "all" }
  | { readonly kind: "none" }
  | { readonly kind: "some"; readonly bounds: readonly number[] };

/** An access, or why the value is none. */
export type ParsedAccess =
  | { readonly ok: true; readonly access: Access }
  | { readonly ok: false; readonly reason: string };

/** Instances and ports that can be named in a document: kits count from 1, ports end last. */
const instanceMin = 1;
const instanceMax = portMax;
/** Entries of one array. */
const instancesPerArrayMax = 256;

const ALL: Access = { kind: "all" };
const NONE: Access = { kind: "none" };
const RANGE = /^(\d+)-(\d+)$/;

/** `logs` shows what others do, so only a literal true grants it. */
const LITERAL_TRUE_ONLY: ReadonlySet<string> = new Set(["logs"]);

/** Reads the access value of a canonical program: its forms are in docs/permission-documents.md. */
export function parseAccess(program: string, value: unknown): ParsedAccess {
  const parsed = parseForm(value);
  if (parsed.ok && value !== true && LITERAL_TRUE_ONLY.has(program)) {
    return granted(NONE);
  }
  return parsed;
}

function parseForm(value: unknown): ParsedAccess {
  if (typeof value === "boolean") {
    return granted(value ? ALL : NONE);
  }
  if (typeof value === "number") {
    return isInstance(value) ? granted(some([value])) : refused("is no instance", value);
  }
  if (typeof value === "string") {
    return parseText(value);
  }
  if (Array.isArray(value)) {
    return parseList(value);
  }
  return refused("must be true, false, an instance, an array of instances, a range or *");
}

function parseText(text: string): ParsedAccess {
  if (text === "*") {
    return granted(ALL);
  }
  const range = RANGE.exec(text);
  if (range === null) {
    return refused('must be "*" or a range "a-b"');
  }
  const first = Number(range[1]);
  const last = Number(range[2]);
  if (!isInstance(first) || !isInstance(last) || first > last) {
    return refused(`must have ${instanceMin} <= a <= b <= ${instanceMax}`);
  }
  return granted({ kind: "some", bounds: [first, last] });
}

function parseList(values: readonly unknown[]): ParsedAccess {
  if (values.length > instancesPerArrayMax) {
    return refused(`may have at most ${instancesPerArrayMax} instances`);
  }
  const instances: number[] = [];
  for (const value of values) {
    if (!isInstance(value)) {
      return refused("holds what is no instance", value);
    }
    instances.push(value);
  }
  return granted(instances.length === 0 ? NONE : some(instances));
}

function isInstance(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= instanceMin && Number(value) <= instanceMax;
}

/** Runs of neighbours become one range. */
function some(instances: readonly number[]): Access {
  const bounds: number[] = [];
  for (const instance of [...instances].sort((a, b) => a - b)) {
    const last = bounds.at(-1);
    if (last !== undefined && instance <= last + 1) {
      bounds[bounds.length - 1] = instance;
    } else {
      bounds.push(instance, instance);
    }
  }
  return { kind: "some", bounds };
}

function granted(access: Access): ParsedAccess {
  return { ok: true, access };
}

function refused(reason: string, value?: unknown): ParsedAccess {
  const shown = typeof value === "number" ? ` (${value})` : "";
  return {
    ok: false,
    reason: `${reason}${shown}${shown && `: an integer from ${instanceMin} to ${instanceMax}`}`,
  };
}
