// Flags that several commands have.
import type { Argument, Flag, Flags } from "../flags/flag.ts";

export const id: Argument = { name: "id", about: "24 hex digits" };
export const containerId: Argument = {
  name: "id",
  about: "the container; --container when it is not there",
  orContainer: true,
};

export const ifMatch: Flag = {
  kind: "text",
  about: "version that you saw, as `get` shows it: file:v3; `latest` reads it first",
  placeholder: "version",
  goesTo: "if-match",
  required: true,
};

export const validateOnly: Flag = {
  kind: "boolean",
  about: "a dry run: tell what would open and close, store nothing",
  goesTo: "query",
};

export const policy: Flag = {
  kind: "text",
  about: "when no group matches",
  choices: ["allow", "deny"],
};

export const project: Flag = {
  kind: "text",
  about: "the project",
  placeholder: "id",
  goesTo: "path",
  required: true,
};

export const realmIds: Flag = { kind: "list", about: "realms that it is in", placeholder: "id,id" };

export const realmFilter: Flag = {
  kind: "text",
  about: "only what is in this realm",
  placeholder: "id",
};

/** A page of a list; `sorts`: the default first. */
export function paging(...sorts: readonly string[]): Flags {
  return {
    page: { kind: "integer", about: "which page, from 1" },
    limit: { kind: "integer", about: "how many a page, up to 100" },
    "sort-by": { kind: "text", about: `order: ${sorts.join(", ")}`, placeholder: "field" },
    "sort-order": { kind: "text", about: "direction", choices: ["asc", "desc"] },
  };
}
