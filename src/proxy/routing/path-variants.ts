// A path as it was sent, and as programs may read it: a rule that guards a path must match all of its spellings.

const ENCODED_ASCII = /%([0-7][0-9A-Fa-f])/g;
/** Programs behind programs: each may decode once more. */
const DECODINGS_MAX = 3;

/**
 * The path as it was sent; decoded; with one slash where there are several; and with `\` for `/`, parameters of segments (`;x`)
 * left out and dot segments resolved. What is beyond ASCII stays encoded.
 */
export function pathReadings(path: string): readonly string[] {
  if (!/[%;\\]|\/[/.]/.test(path)) {
    return [path];
  }
  const once = decoded(path);
  return [path, once, collapsed(once), resolved(once)];
}

/** Whether a program may read one of its segments as `..`, however often it decodes. */
export function mayClimb(path: string): boolean {
  let reading = path;
  for (let i = 0; i <= DECODINGS_MAX; i++) {
    if (segmentsOf(reading).includes("..")) {
      return true;
    }
    const next = decoded(reading);
    if (next === reading) {
      return false;
    }
    reading = next;
  }
  // So many layers of encoding have no honest use.
  return true;
}

function decoded(path: string): string {
  return path.includes("%")
    ? path.replace(ENCODED_ASCII, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    : path;
}

function collapsed(path: string): string {
  return path.replace(/\/{2,}/g, "/");
}

function segmentsOf(path: string): string[] {
  return path.split(/[/\\]/).map((segment) => segment.replace(/;.*$/s, ""));
}

function resolved(path: string): string {
  const kept: string[] = [];
  const segments = segmentsOf(path);
  for (const segment of segments) {
    if (segment === "..") {
      kept.pop();
    } else if (segment !== "" && segment !== ".") {
      kept.push(segment);
    }
  }
  const last = segments.at(-1);
  const isFolder = last === "" || last === "." || last === "..";
  return `/${kept.join("/")}${isFolder && kept.length > 0 ? "/" : ""}`;
}
