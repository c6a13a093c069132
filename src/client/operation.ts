// One operation of the API as the client needs it at run time: a line of gen/operations.ts, made from the descriptors.

export interface Operation {
  readonly verb: string;
  /** `/api/v1/projects/{id}`; the variables are the first arguments, in their order. */
  readonly path: string;
  /** The argument after them is the body; else it is the query. */
  readonly takesBody: boolean;
  /** The write names the version that it was made from: If-Match. */
  readonly versioned: boolean;
  /** The list field of a paged answer; null: not paged. */
  readonly pages: string | null;
}

/** Operations by group and method. */
export type Operations = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

/** The method that walks through all pages of a list: `list` → `iterate`, `listByProject` → `iterateByProject`. */
export function iteratorName(method: string): string {
  return method.startsWith("list") ? `iterate${method.slice("list".length)}` : `iterate${method}`;
}
