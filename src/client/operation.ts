// One operation of the API at run time: a line of gen/operations.ts, generated from the descriptors.

export interface Operation {
  readonly verb: string;
  /** `/api/v1/projects/{id}`; the variables are the first arguments, in order. */
  readonly path: string;
  /** Whether the argument after them is the body; else it is the query. */
  readonly takesBody: boolean;
  /** Whether the write sends If-Match with the version that it is based on. */
  readonly versioned: boolean;
  /** List field of a paged answer; null: not paged. */
  readonly pages: string | null;
}

/** Operations by group and method. */
export type Operations = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

/** Name of the method that iterates over all pages of a list: `list` → `iterate`, `listByProject` → `iterateByProject`. */
export function iteratorName(method: string): string {
  return method.startsWith("list") ? `iterate${method.slice("list".length)}` : `iterate${method}`;
}
