// Arguments and flags that several commands share.
import type { Argument, Flag, Flags } from "../flags/flag.ts";

export const id: Argument = { name: "id", about: "24 hex digits" };
export const containerId: Argument = {
  name: "id",
  about: "the container: id, name or project/name; default: --container",
  orContainer: true,
  names: "container",
};
/** The same without a default. */
export const oneContainer: Argument = {
  name: "id",
  about: "the container: id, name or project/name",
  names: "container",
};
export const projectId: Argument = {
  name: "id",
  about: "the project: id or alias",
  names: "project",
};

export const ifMatch: Flag = {
  kind: "text",
  about: "version that the write is based on, as `get` shows it: file:v3; `latest` fetches it",
  placeholder: "version",
  goesTo: "if-match",
  required: true,
};

export const validateOnly: Flag = {
  kind: "boolean",
  about: "dry run: show what would open and close, store nothing",
  goesTo: "query",
};

export const wait: Flag = {
  kind: "boolean",
  about: "come back once every proxy enforces it, after 25 s at most",
  goesTo: "here",
};

export const policy: Flag = {
  kind: "text",
  about: "access when no group matches",
  choices: ["allow", "deny"],
};

export const project: Flag = {
  kind: "text",
  about: "the project: id or alias",
  placeholder: "project",
  names: "project",
  goesTo: "path",
  required: true,
};

export const realmIds: Flag = {
  kind: "list",
  about: "its realms: ids or names",
  placeholder: "realm,realm",
  names: "realm",
};

export const realmFilter: Flag = {
  kind: "text",
  about: "only in this realm: id or name",
  placeholder: "realm",
  names: "realm",
};

/** Reads a list to its end; see all-pages.ts. */
export const all: Flag = {
  kind: "boolean",
  about: "every entry, also while others come and go",
  goesTo: "here",
};

/** Flags of a paged list; `sorts`: sort fields, the default first. */
export function paging(...sorts: readonly string[]): Flags {
  return {
    page: { kind: "integer", about: "page number, from 1" },
    limit: { kind: "integer", about: "entries per page, up to 100" },
    all,
    "sort-by": { kind: "text", about: `order: ${sorts.join(", ")}`, placeholder: "field" },
    "sort-order": { kind: "text", about: "direction", choices: ["asc", "desc"] },
  };
}
