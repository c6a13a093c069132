// The table of commands as a whole: what every row has to keep.
import { describe, expect, test } from "bun:test";
import { operations } from "../client/gen/operations.ts";
import { commands } from "./commands.ts";
import type { Command } from "./execution/command.ts";
import { prepare } from "./execution/run-call.ts";
import { readCommandLine } from "./parse/command-line.ts";
import { parseArguments } from "./parse/parse-arguments.ts";
import { globalFlags } from "./settings/global-flags.ts";
import type { In } from "./terminal/io.ts";

const rows = commands.map((command) => [command.words, command] as const);

/** Words of a line of shell: quotes hold together, `$NAME` is an id. */
function words(line: string): string[] {
  return [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) =>
    word.replace(/'([^']*)'|"([^"]*)"/g, "$1$2").replace(/^\$\w+$/, "67e89abc123def456789abcd"),
  );
}

const stdin: In = {
  isTerminal: false,
  text: async () => "from stdin\n",
  line: async () => null,
};

function read(line: readonly string[]) {
  const printed: string[] = [];
  const take = (text: string) => void printed.push(text);
  const found = readCommandLine(commands, line, { out: take, err: take, columns: 100 });
  return { found, printed: printed.join("") };
}

describe("every command", () => {
  test.each(rows)("%s: the example of its help can be typed", async (_words, command) => {
    const { found, printed } = read(words(command.example));
    expect(printed).toBe("");
    if (found.kind !== "command") throw new Error("no command");
    expect(found.command.words).toBe(command.words);
    const { parsed, problems } = await parseArguments(found, stdin);
    expect(problems).toEqual([]);
    if ("call" in command) {
      const { path } = prepare(command, parsed, "890abcdef12345678901cdef");
      expect(path).toMatch(/^\/api\/v1\/[^{}]+$/);
    }
  });

  test.each(rows)("%s: --help tells what it does, with the example", (spelled, command) => {
    const { found, printed } = read([...spelled.split(" "), "--help"]);
    expect(found).toEqual({ kind: "done", failed: false });
    expect(printed).toContain(command.about);
    expect(printed).toContain(`$ realmgate ${command.example}`);
  });

  test("help before the words is --help after them", () => {
    const { found, printed } = read(["help", "projects", "create"]);
    expect(found).toEqual({ kind: "done", failed: false });
    expect(printed).toBe(read(["projects", "create", "--help"]).printed);
    expect(read(["help"]).printed).toContain("A first session");
  });

  test("members of a project are permissions, in other words", () => {
    const { found, printed } = read(["projects", "members", "list", "--project", "shop"]);
    expect([found.kind === "command" && found.command.words, printed]).toEqual([
      "projects permissions list",
      "",
    ]);
    const help = read(["projects", "members", "--help"]).printed;
    expect(help).toContain("projects permissions|members");
    expect(help).toContain("add a member");
  });

  test("spelling belongs to one command", () => {
    const all = commands.flatMap(({ words, aliases = [] }) => [words, ...aliases]);
    expect(all.filter((each, index) => all.indexOf(each) !== index)).toEqual([]);
  });

  test("that is above others does nothing itself", () => {
    const all = commands.flatMap(({ words, aliases = [] }) => [words, ...aliases]);
    expect(all.filter((each) => all.some((other) => other.startsWith(`${each} `)))).toEqual([]);
  });

  test("every group of them is told about in the help", () => {
    const groups = new Set(
      commands.flatMap(({ words }) => {
        const parts = words.split(" ");
        return parts.slice(1).map((_part, index) => parts.slice(0, index + 1).join(" "));
      }),
    );
    const untold = [...groups].filter((group) => {
      const { printed } = read([...group.split(" "), "--help"]);
      return /^Usage: .*\n\nOptions:/.test(printed);
    });
    expect(untold).toEqual([]);
  });
});

describe("flags", () => {
  test("a name is a switch everywhere or nowhere: --name=false is --no-name", () => {
    const kinds = new Map<string, Set<boolean>>();
    for (const flags of [globalFlags, ...commands.map(({ flags = {} }) => flags)]) {
      for (const [name, { kind, own }] of Object.entries(flags)) {
        if (own) continue;
        kinds.set(name, (kinds.get(name) ?? new Set()).add(kind === "boolean"));
      }
    }
    const both = [...kinds].filter(([, found]) => found.size > 1).map(([name]) => name);
    expect(both).toEqual([]);
  });

  test("no flag of a command has the name of one that all have, but a switch that says so and has a short form", () => {
    const hidden = commands.flatMap(({ words, flags = {} }) =>
      Object.keys(flags)
        .filter((name) => Object.hasOwn(globalFlags, name))
        .map((name) => `${words} --${name}`),
    );
    expect(hidden).toEqual(["protect --token"]);
    for (const { flags = {} } of commands) {
      for (const [name, { own, kind }] of Object.entries(flags)) {
        if (own)
          expect([kind, Object.keys(globalFlags[name as "token"])]).toEqual([
            "boolean",
            expect.arrayContaining(["short"]),
          ]);
      }
    }
  });

  test("what goes into a path is in the path, and the path has nothing else", () => {
    for (const { words, args = [], flags = {}, ...rest } of commands) {
      if (!("call" in rest)) continue;
      const wanted = [...rest.call.path.matchAll(/\{([a-z-]+)\}/g)].map(([, name]) => name);
      const given = [
        ...args.map(({ name }) => name),
        ...Object.keys(flags).filter((name) => flags[name]?.goesTo === "path"),
        ...(wanted.includes("container") ? ["container"] : []),
      ];
      expect({ words, path: wanted.toSorted() as string[] }).toEqual({
        words,
        path: given.toSorted(),
      });
    }
  });

  test("a write of a document names its version, and nothing else does", () => {
    for (const { words, flags = {}, ...rest } of commands) {
      if (!("call" in rest)) continue;
      const names = Object.values(flags).some(({ goesTo }) => goesTo === "if-match");
      expect({ words, names }).toEqual({ words, names: rest.call.versioned === true });
    }
  });
});

describe("the API", () => {
  /** Variables have other names here. */
  const bare = (verb: string, path: string) => `${verb} ${path.replaceAll(/\{[^}]+\}/g, "{}")}`;
  const called = new Map<string, Command>(
    commands.flatMap((command) =>
      "call" in command
        ? [[bare(command.call.method, `/api/v1${command.call.path}`), command] as const]
        : [],
    ),
  );

  /** Not there on purpose. */
  const without: Readonly<Record<string, string>> = {
    "events.delete": "events cannot be deleted",
    "events.clear": "events cannot be deleted",
    "events.purge": "events cannot be deleted",
    "containers.listByProject": "containers list --project",
  };
  /** In commands that do more than call, or in one with the operation as its argument. */
  const inside: ReadonlySet<string> = new Set([
    "users.login",
    "users.refresh",
    "users.logout",
    "users.signup",
    ...["get", "update", "create", "delete"].map((name) => `users.${name}`),
    "nodes.create",
    "proxyConnections.delete",
    "proxyConnections.deleteByGroup",
    ...["start", "stop", "forceStop", "restart", "pause", "resume"].map(
      (operation) => `containers.${operation}`,
    ),
  ]);

  const all = Object.entries(operations).flatMap(([group, methods]) =>
    Object.entries(methods).map(([name, operation]) => [`${group}.${name}`, operation] as const),
  );

  test.each(all)("%s has a command", (name, { verb, path, versioned }) => {
    const either = verb === "PUT" || verb === "PATCH" ? ["PUT", "PATCH"] : [verb];
    const command = either.map((each) => called.get(bare(each, path))).find(Boolean);
    const known = command !== undefined || inside.has(name) || Object.hasOwn(without, name);
    expect({ name, known }).toEqual({ name, known: true });
    if (command !== undefined && "call" in command) {
      expect({ name, versioned: command.call.versioned === true }).toEqual({ name, versioned });
    }
  });
});
