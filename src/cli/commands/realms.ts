// Lists of realms and servers.
import type { Command } from "../execution/command.ts";

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
      show: { as: "list", items: "realm_ids", columns: ["realm"] },
    },
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
        wide: ["created_at"],
      },
    },
  },
];
