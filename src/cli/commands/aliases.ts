import type { Command } from "../execution/command.ts";
import type { Argument, Flags } from "../flags/flag.ts";
import type { Show } from "../output/show.ts";
import { all, realmFilter } from "./flags.ts";

const aliasId: Argument = { name: "id", about: "the alias: id or name", names: "alias" };
const record: Show = { as: "record" };
const example = "507f191e810c19729de860ec";

const settings: Flags = {
  alias: { kind: "text", about: "the name; default: random" },
  port: { kind: "integer", about: "port of http and https" },
  index: { kind: "integer", about: "which instance; default: 1" },
  "target-path": { kind: "text", about: "target path", nullable: true },
  "allow-path-override": {
    kind: "boolean",
    about: "paths below it, too; --no-allow-path-override: this path only",
  },
  "expires-at": {
    kind: "time",
    about: "expiry: ISO 8601, or seconds since 1970",
    nullable: true,
  },
  enabled: { kind: "boolean", about: "--no-enabled: reserve the name without serving it" },
};

export const aliasCommands: readonly Command[] = [
  {
    words: "proxy list",
    aliases: ["proxy ls"],
    about: "aliases",
    example: "proxy list --container-id 890abcdef12345678901cdef",
    flags: {
      "project-id": {
        kind: "text",
        about: "of this project only: id or alias",
        placeholder: "project",
        names: "project",
      },
      "container-id": {
        kind: "text",
        about: "of this container only: id or name",
        placeholder: "container",
        names: "container",
      },
      all,
      "realm-id": realmFilter,
      enabled: { kind: "boolean", about: "only enabled ones; --no-enabled: only disabled ones" },
      expired: { kind: "boolean", about: "only expired ones; --no-expired: only others" },
    },
    call: {
      method: "GET",
      path: "/proxy/aliases",
      show: {
        as: "list",
        items: "aliases",
        columns: ["id", "alias", "program", "index", "enabled", "url"],
        wide: ["container_id", "project_id", "target_path", "allow_path_override", "expires_at"],
      },
    },
  },
  {
    words: "proxy create",
    about: "create an alias",
    example:
      "proxy create --container-id 890abcdef12345678901cdef --alias shop --program http --port 3000",
    flags: {
      "container-id": {
        kind: "text",
        about: "container of the program: id or name; default: --container",
        placeholder: "container",
        orContainer: true,
        names: "container",
      },
      program: { kind: "text", about: "terminal, http, http-3000, …", required: true },
      ...settings,
    },
    call: { method: "POST", path: "/proxy/aliases", show: record },
  },
  {
    words: "proxy get",
    about: "one alias",
    example: `proxy get ${example}`,
    args: [aliasId],
    call: { method: "GET", path: "/proxy/aliases/{id}", show: record },
  },
  {
    words: "proxy update",
    about: "change an alias",
    example: `proxy update ${example} --target-path /docs --no-allow-path-override`,
    args: [aliasId],
    flags: { program: { kind: "text", about: "terminal, http, http-3000, …" }, ...settings },
    call: { method: "PATCH", path: "/proxy/aliases/{id}", show: record },
  },
  {
    words: "proxy delete",
    aliases: ["proxy rm"],
    about: "delete an alias",
    example: `proxy delete ${example}`,
    args: [aliasId],
    destroys: "the alias",
    call: { method: "DELETE", path: "/proxy/aliases/{id}", show: { as: "done" } },
  },
  {
    words: "proxy set-state",
    about: "switch an alias on or off",
    example: `proxy set-state ${example} --no-enabled`,
    args: [aliasId],
    flags: { enabled: { kind: "boolean", about: "on; --no-enabled: off", required: true } },
    call: { method: "PATCH", path: "/proxy/aliases/{id}/state", show: record },
  },
];
