// Nodes of an installation in several processes, for operators, and whether a write is enforced everywhere.
import type { Command } from "../execution/command.ts";
import { fieldAt } from "../output/cell.ts";
import { CommandFailure, exitCode } from "../terminal/exit-code.ts";

const example = "507f191e810c19729de860ed";

export const nodeCommands: readonly Command[] = [
  {
    words: "nodes list",
    aliases: ["nodes ls"],
    about: "nodes and what was heard of them; for operators",
    example: "nodes list -o json",
    call: {
      method: "GET",
      path: "/nodes",
      show: {
        as: "list",
        items: "nodes",
        columns: ["id", "name", "role", "servers", "created_at"],
        wide: ["processes"],
      },
    },
  },
  {
    words: "nodes create",
    aliases: ["nodes add"],
    about: "let a node in; its token is shown once; for operators",
    example: "nodes create east-1 --servers east",
    args: [{ name: "name", about: "its name" }],
    flags: {
      role: { kind: "text", about: "what it runs", choices: ["proxy", "gateway"] },
      servers: {
        kind: "list",
        about: "servers whose containers its proxies serve",
        placeholder: "name,name",
      },
    },
    run: async (context, { args, flags }) => {
      const body = {
        name: args.get("name"),
        ...(flags.has("role") ? { role: flags.get("role") } : {}),
        ...(flags.has("servers") ? { servers: flags.get("servers") } : {}),
      };
      const answer = await context.request({ method: "POST", path: "/api/v1/nodes", body });
      context.show({ as: "record", id: "token" }, answer);
    },
  },
  {
    words: "nodes revoke",
    aliases: ["nodes rm"],
    about: "take a node out: its connections end at once; for operators",
    example: `nodes revoke ${example}`,
    args: [{ name: "id", about: "the node: id or name", names: "node" }],
    destroys: "the node: its proxies hear of no change any more",
    call: { method: "DELETE", path: "/nodes/{id}", show: { as: "done" } },
  },
  {
    words: "enforcement wait",
    about: "wait until a write, or all that is stored, is enforced by every proxy",
    example: "enforcement wait --wait-ms 10000",
    flags: {
      revision: {
        kind: "text",
        about: "X-Realmgate-Revision of the write; default: all that is stored",
      },
      "wait-ms": { kind: "integer", about: "milliseconds to wait, 25000 at most; default: 0" },
    },
    call: {
      method: "GET",
      path: "/enforcement",
      show: { as: "record", fields: ["complete", "enforced", "of", "lagging"], id: "complete" },
      after: (data) => {
        if (fieldAt(data, "complete") === true) return;
        throw new CommandFailure(exitCode.failed, "not every proxy enforces it yet");
      },
    },
  },
];
