// Who accessed a container, and who is connected to it.
import type { Command } from "../execution/command.ts";
import type { CommandContext } from "../execution/context.ts";
import { requiredContainer } from "../execution/required-container.ts";
import type { Flags, ParsedArguments } from "../flags/flag.ts";
import { cell, fieldAt, listAt } from "../output/cell.ts";
import { CommandFailure, exitCode } from "../terminal/exit-code.ts";
import { confirm } from "../terminal/prompt.ts";
import { safeText } from "../terminal/safe-text.ts";
import { all, containerId } from "./flags.ts";

const filters: Flags = {
  "request-id": { kind: "text", about: "the request with this id", placeholder: "id" },
  reason: { kind: "text", about: "what let it through or refused it: granted, unauthenticated, …" },
  group: { kind: "text", about: "a group that granted it" },
  "client-ip": { kind: "text", about: "the client's address", placeholder: "address" },
  status: { kind: "text", about: "status: 401, or 4xx" },
  method: { kind: "text", about: "method, in upper case" },
  level: { kind: "text", about: "level", choices: ["info", "warn", "error"] },
  source: {
    kind: "text",
    about: "who answered: the program, or the gate",
    choices: ["backend", "edge"],
  },
};

/** Of the documented command line: what they ask for is so in any case. No entry has a body, and all are of one container. */
const accepted: Flags = {
  "project-id": { kind: "text", about: "the project", goesTo: "here", hidden: true },
  "service-name": { kind: "text", about: "the logs program", goesTo: "here", hidden: true },
  "include-request-body": { kind: "boolean", about: "bodies", goesTo: "here", hidden: true },
  "include-response-body": { kind: "boolean", about: "bodies", goesTo: "here", hidden: true },
};

/** How often `stream` looks for more, in milliseconds. */
const LOOK_MS = 1_000;

export const trafficCommands: readonly Command[] = [
  {
    words: "proxy logs list",
    about: "print who accessed a container, newest first",
    example: "proxy logs list 890abcdef12345678901cdef --status 4xx --since 2026-11-30T08:00:00Z",
    args: [containerId],
    flags: {
      ...filters,
      since: { kind: "text", about: "requests from then on", placeholder: "time" },
      until: { kind: "text", about: "requests up to then", placeholder: "time" },
      limit: { kind: "integer", about: "entries, up to 200; default: 100" },
      last: { kind: "integer", about: "the same as --limit", field: "limit" },
      cursor: { kind: "text", about: "reads on: the cursor of the answer before" },
      "after-id": {
        kind: "text",
        about: "entries after this one, oldest first",
        placeholder: "id",
      },
      all,
      ...accepted,
    },
    call: {
      method: "GET",
      path: "/containers/{id}/proxy/logs",
      show: {
        as: "list",
        items: "entries",
        columns: [
          "tsIso",
          "status",
          "reason",
          "clientIp",
          "subject",
          "method",
          "serviceName",
          "url",
          "request_id",
        ],
        wide: ["groups", "source", "id"],
        id: "request_id",
      },
    },
  },
  {
    words: "proxy logs stats",
    about: "count the newest requests to a container, by level, service and reason",
    example: "proxy logs stats 890abcdef12345678901cdef",
    args: [containerId],
    call: {
      method: "GET",
      path: "/containers/{id}/proxy/logs/stats",
      show: { as: "record", id: "total" },
    },
  },
  {
    words: "proxy logs stream",
    looks: true,
    about: "print requests to a container as they come, until Ctrl-C; -o json: a line of JSON each",
    example: "proxy logs stream 890abcdef12345678901cdef --level warn",
    args: [containerId],
    flags: { ...filters, ...accepted },
    run: stream,
  },
  {
    words: "connections list",
    about: "print who is connected to a container now",
    example: "connections list 890abcdef12345678901cdef",
    args: [containerId],
    flags: { group: { kind: "text", about: "only those that this group let in" } },
    call: {
      method: "GET",
      path: "/containers/{id}/proxy/connections",
      show: {
        as: "list",
        items: "connections",
        columns: [
          "id",
          "client_ip",
          "subject",
          "groups",
          "program",
          "instance",
          "status",
          "since",
          "bytes",
        ],
        wide: ["method", "path", "alias", "reason"],
      },
    },
  },
  {
    words: "connections end",
    about: "cut off a connection, or all that a group let in; their clients may come again",
    example: "connections end 890abcdef12345678901cdef --group partners --yes",
    args: [containerId],
    flags: {
      connection: { kind: "text", about: "the connection", placeholder: "id", goesTo: "here" },
      group: { kind: "text", about: "all that this group let in", goesTo: "here" },
    },
    run: end,
  },
];

async function end(context: CommandContext, { args, flags }: ParsedArguments): Promise<void> {
  const container = requiredContainer(args.get("id") ?? context.settings.container);
  const [connection, group] = [flags.get("connection"), flags.get("group")];
  if ((connection === undefined) === (group === undefined)) {
    throw new CommandFailure(exitCode.usage, "which? One of --connection ID and --group NAME");
  }
  const what =
    group === undefined ? `the connection ${connection}` : `all connections of the group ${group}`;
  await confirm(context.io, `This ends ${what}. Go on?`, context.settings.yes);
  const path = `/api/v1/containers/${encodeURIComponent(container)}/proxy/connections`;
  const answered = await context.request(
    group === undefined
      ? { method: "DELETE", path: `${path}/${encodeURIComponent(String(connection))}` }
      : { method: "DELETE", path, query: { group: String(group) } },
  );
  context.show({ as: "record", id: "ended" }, answered);
}

/** Begins with the ten newest, and prints what comes after. */
async function stream(context: CommandContext, { args, flags }: ParsedArguments): Promise<void> {
  const container = requiredContainer(args.get("id") ?? context.settings.container);
  const path = `/api/v1/containers/${encodeURIComponent(container)}/proxy/logs`;
  const sent = [...flags].filter(([name]) => filters[name] !== undefined);
  const given = sent.map(([name, value]) => [name.replaceAll("-", "_"), String(value)]);
  const query: Record<string, string | number> = Object.fromEntries(given);
  const ask = async (query: Record<string, string | number>) =>
    (await context.request({ method: "GET", path, query })).data;
  // Of all requests: what is new begins there, however far back the last one lies that passes the filters.
  const [newest] = listAt(await ask({ limit: 1 }), "entries");
  let after = String(fieldAt(newest, "id") ?? "0");
  const first = await ask({ ...query, limit: 10, cursor: String(Number(after) + 1) });
  print(context, listAt(first, "entries").toReversed());
  for (;;) {
    const asked = { ...query, limit: 200, after_id: after };
    const more = await ask(asked);
    print(context, listAt(more, "entries"));
    after = String(fieldAt(more, "cursor") ?? after);
    if (listAt(more, "entries").length === 0) await new Promise((go) => setTimeout(go, LOOK_MS));
  }
}

function print({ io, settings }: CommandContext, entries: readonly unknown[]): void {
  const fields = [
    "tsIso",
    "status",
    "reason",
    "clientIp",
    "subject",
    "method",
    "serviceName",
    "url",
  ];
  for (const entry of entries) {
    const line =
      settings.output === "json" || settings.output === "raw"
        ? JSON.stringify(entry)
        : safeText(fields.map((field) => cell(fieldAt(entry, field)) || "-").join("  "));
    io.stdout.write(`${line}\n`);
  }
}
