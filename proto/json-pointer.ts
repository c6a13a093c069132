// JSON pointers (RFC 6901).

/** A name as one reference token of a JSON pointer, with its slash (RFC 6901 §3). */
export function pointerStep(name: string): string {
  return `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
