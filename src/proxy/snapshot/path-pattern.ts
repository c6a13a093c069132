// Patterns of paths: whole segments that are `*` stand for any one segment, a `*` at the end for any rest; elsewhere it stands
// for itself. Upper case, repeated slashes and a slash at the end make no difference: to many programs they do not.

/** A pattern, ready to be compared. */
export interface PathPattern {
  /** In lower case. Null: a segment of any content. */
  readonly segments: readonly (string | null)[];
  /** What the path may go on with after the segments begins so; null: it ends with them. */
  readonly rest: string | null;
}

/** `*`, or a pattern that begins with `/`. */
export function pathPattern(text: string): PathPattern {
  if (text === "*") {
    return { segments: [], rest: "" };
  }
  const isOpen = text.endsWith("*");
  const plain = merged((isOpen ? text.slice(0, -1) : text).toLowerCase());
  const steps = plain.slice(1).split("/");
  const last = steps.pop() ?? "";
  const segments = steps.map((step) => (step === "*" ? null : step));
  if (isOpen) {
    return { segments, rest: last };
  }
  const named = last === "" ? [] : [last === "*" ? null : last];
  return { segments: [...segments, ...named], rest: null };
}

/** Whether every path fits. */
export function fitsAny({ segments, rest }: PathPattern): boolean {
  return segments.length === 0 && rest === "";
}

/** A path made ready to be compared with many patterns. */
export function comparable(path: string): string {
  return merged(path.toLowerCase());
}

/** `path`: as `comparable` answers. */
export function fits({ segments, rest }: PathPattern, path: string): boolean {
  let at = 0;
  for (const segment of segments) {
    if (path[at] !== "/") {
      return false;
    }
    const next = path.indexOf("/", at + 1);
    const end = next === -1 ? path.length : next;
    if (
      segment === null
        ? end === at + 1
        : end - at - 1 !== segment.length || !path.startsWith(segment, at + 1)
    ) {
      return false;
    }
    at = end;
  }
  if (rest === null) {
    return at === path.length || (path[at] === "/" && at + 1 === path.length);
  }
  return (rest === "" && segments.length === 0) || path.startsWith(`/${rest}`, at);
}

function merged(path: string): string {
  return path.includes("//") ? path.replace(/\/{2,}/g, "/") : path;
}
