import { ALL, fromRuns, type InstanceSet, NONE, type Run } from "./instance-set.ts";
import { portMax } from "./program.ts";

/** The instances of one program that a group may use, or why the value is invalid. */
export type ParsedAccess =
  | { readonly ok: true; readonly instances: InstanceSet }
  | { readonly ok: false; readonly reason: string };

/** Instances and ports that can be named in a document: kits count from 1, ports end last. */
const instanceMin = 1;
const instanceMax = portMax;
/** Entries of one array. */
const instancesPerArrayMax = 256;

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
    return isInstance(value)
      ? granted(fromRuns([[value, value]]))
      : refused("is not an instance", value);
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
  return granted(fromRuns([[first, last]]));
}

function parseList(values: readonly unknown[]): ParsedAccess {
  if (values.length > instancesPerArrayMax) {
    return refused(`may have at most ${instancesPerArrayMax} instances`);
  }
  const runs: Run[] = [];
  for (const value of values) {
    if (!isInstance(value)) {
      return refused("contains an invalid instance", value);
    }
    runs.push([value, value]);
  }
  return granted(fromRuns(runs));
}

function isInstance(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= instanceMin && Number(value) <= instanceMax;
}

function granted(instances: InstanceSet): ParsedAccess {
  return { ok: true, instances };
}

function refused(reason: string, value?: unknown): ParsedAccess {
  const shown = typeof value === "number" ? ` (${value})` : "";
  return {
    ok: false,
    reason: `${reason}${shown}${shown && `: an integer from ${instanceMin} to ${instanceMax}`}`,
  };
}
