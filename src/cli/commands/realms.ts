// Lists of realms and servers.
import type { Command } from "../execution/command.ts";
import { fieldAt, listAt } from "../output/cell.ts";

export const realmAndServerCommands: readonly Command[] = [
  {
    words: "realms list",
    aliases: ["realms ls"],
    about: "realms of your projects, containers and tokens",
    example: "realms list --include-usage -o json",
    flags: {
      "include-usage": {
        kind: "boolean",
        about: "with counts for each realm (-o json shows them)",
      },
    },
    call: {
      method: "GET",
      path: "/realms",
      show: {
        as: "list",
        items: "realm_ids",
        rows: withNames,
        columns: ["realm", "name"],
        id: "realm",
      },
    },
  },
  {
    words: "realms create",
    about: "make up a realm: prints its id, and keeps the name for those who see it",
    example: "realms create --name acme",
    flags: { name: { kind: "text", about: "its name", required: true } },
    call: { method: "POST", path: "/realms", show: { as: "record" } },
  },
  {
    words: "realms delete",
    aliases: ["realms rm"],
    about: "forget the name of a realm; what is in it stays in it",
    example: "realms delete acme",
    args: [{ name: "id", about: "the realm: id or name", names: "realm" }],
    destroys: "the name of the realm",
    call: { method: "DELETE", path: "/realms/{id}", show: { as: "done" } },
  },
  {
    words: "servers list",
    aliases: ["servers ls"],
    about: "proxy nodes",
    example: "servers list",
    call: {
      method: "GET",
      path: "/servers",
      show: {
        as: "list",
        items: "servers",
        columns: ["id", "name", "domain", "status"],
        wide: ["heard_at", "processes", "enforcing", "lag", "versions", "created_at"],
      },
    },
  },
];

function withNames(data: unknown): readonly unknown[] {
  return listAt(data, "realm_ids").map((realm) => ({
    realm,
    name: fieldAt(data, `names.${realm}`),
  }));
}
