// Hooks: `<id> <service> [<hook-id>]`, the argument order of the Hoody command line.

import type { Command } from "../execution/command.ts";
import type { Argument, Flags } from "../flags/flag.ts";
import { cell, fieldAt } from "../output/cell.ts";
import type { Show } from "../output/show.ts";
import { pairs, type TableOptions, table } from "../output/table.ts";
import { containerId, ifMatch, oneContainer, wait } from "./flags.ts";

const service: Argument = { name: "service", about: "the program: terminal, http, …" };
const hook: Argument = { name: "hook-id", about: "the hook, as `list` shows it" };
const hooks = "/containers/{id}/proxy/hooks";
const one: Show = { as: "record", of: "hook" };
const example = "890abcdef12345678901cdef http";

const rule: Flags = {
  "match-method": {
    kind: "list",
    about: "requests with these methods; default: all but OPTIONS",
    placeholder: "GET,POST",
    field: "match.method",
  },
  "match-path": { kind: "text", about: "requests for this path: /api/*", field: "match.path" },
  "match-headers": {
    kind: "text-map",
    about: "requests with this header",
    field: "match.headers",
  },
  "script-path": {
    kind: "text",
    about: "script of the container's exec program",
    field: "script.path",
    required: true,
  },
  "script-subdomain": { kind: "text", about: "where the script is", field: "script.subdomain" },
  "script-exec-id": { kind: "text", about: "which exec", field: "script.execId" },
  timeout: { kind: "integer", about: "ms that the script may take; default: 500" },
  "applies-to-groups": {
    kind: "list",
    about: "only requests of these groups",
    field: "applies_to.groups",
    placeholder: "name,name",
  },
  "on-error": {
    kind: "text",
    about: "when the script fails: refuse (closed) or forward (open) the request",
    choices: ["closed", "open"],
  },
};

/** The API requires `match`, even when empty. A single method is sent as a string, because it may be `*`. */
function withMatch(body: Readonly<Record<string, unknown>>): unknown {
  const match = (body.match ?? {}) as Readonly<Record<string, unknown>>;
  const { method } = match;
  const single = Array.isArray(method) && method.length === 1 ? { method: method[0] } : {};
  return { ...body, match: { ...match, ...single } };
}

export const hookCommands: readonly Command[] = [
  {
    words: "containers proxy hooks list",
    about: "all hooks of a container, by program",
    example: "containers proxy hooks list 890abcdef12345678901cdef",
    args: [containerId],
    call: { method: "GET", path: hooks, show: { as: "text", text: hooksText, id: "etag" } },
  },
  {
    words: "containers proxy hooks list-service",
    about: "hooks of a program, in order",
    example: `containers proxy hooks list-service ${example}`,
    args: [oneContainer, service],
    call: {
      method: "GET",
      path: `${hooks}/{service}`,
      show: {
        as: "list",
        items: "hooks",
        columns: ["position", "id", "match", "script.path", "timeout"],
        wide: ["applies_to.groups", "on_error", "script"],
      },
    },
  },
  {
    words: "containers proxy hooks get",
    about: "one hook",
    example: `containers proxy hooks get ${example} 01h455vb4pex5vsknk084sn02q`,
    args: [oneContainer, service, hook],
    call: { method: "GET", path: `${hooks}/{service}/{hook-id}`, show: one },
  },
  {
    words: "containers proxy hooks create",
    about: "add a hook",
    example: `containers proxy hooks create ${example} --if-match file:v3 --match-path "/api/*" --script-path /audit.js`,
    args: [oneContainer, service],
    flags: {
      "if-match": ifMatch,
      wait,
      ...rule,
      position: {
        kind: "integer",
        about: "position among the program's hooks, from 0; default: last",
      },
    },
    call: {
      method: "POST",
      path: `${hooks}/{service}`,
      body: withMatch,
      versioned: true,
      show: one,
    },
  },
  {
    words: "containers proxy hooks update",
    about: "replace a hook; it keeps its id and position",
    example: `containers proxy hooks update ${example} 01h455vb4pex5vsknk084sn02q --if-match file:v3 --script-path /audit.js`,
    args: [oneContainer, service, hook],
    flags: { "if-match": ifMatch, wait, ...rule },
    call: {
      method: "PATCH",
      path: `${hooks}/{service}/{hook-id}`,
      body: withMatch,
      versioned: true,
      show: one,
    },
  },
  {
    words: "containers proxy hooks delete",
    about: "delete a hook",
    example: `containers proxy hooks delete ${example} 01h455vb4pex5vsknk084sn02q --if-match file:v3`,
    args: [oneContainer, service, hook],
    destroys: "the hook",
    flags: { "if-match": ifMatch, wait },
    call: {
      method: "DELETE",
      path: `${hooks}/{service}/{hook-id}`,
      versioned: true,
      show: { as: "record", id: "etag" },
    },
  },
  {
    words: "containers proxy hooks clear-service",
    about: "delete all hooks of a program",
    example: `containers proxy hooks clear-service ${example} --if-match file:v3`,
    args: [oneContainer, service],
    destroys: "all hooks of the program",
    flags: { "if-match": ifMatch, wait },
    call: {
      method: "DELETE",
      path: `${hooks}/{service}`,
      versioned: true,
      show: { as: "record", id: "etag" },
    },
  },
  {
    words: "containers proxy hooks move",
    about: "move a hook among those of its program",
    example: `containers proxy hooks move ${example} 01h455vb4pex5vsknk084sn02q --if-match file:v3 --position 0`,
    args: [oneContainer, service, hook],
    flags: {
      "if-match": ifMatch,
      wait,
      position: { kind: "integer", about: "new position, from 0", required: true },
    },
    call: {
      method: "PATCH",
      path: `${hooks}/{service}/{hook-id}/position`,
      versioned: true,
      show: one,
    },
  },
];

/** A table of all hooks, by program. */
function hooksText(data: unknown, options: TableOptions): readonly string[] {
  const services = Object.entries((fieldAt(data, "hooks") ?? {}) as Record<string, unknown[]>);
  const fields = ["position", "id", "match", "script.path", "timeout"] as const;
  const rows = services.flatMap(([name, list]) =>
    list.map((each) => [cell(name), ...fields.map((field) => cell(fieldAt(each, field)))]),
  );
  return [
    ...pairs([["etag", cell(fieldAt(data, "etag"))]], options.emphasise),
    "",
    ...(rows.length === 0
      ? ["no hooks"]
      : table(["program", "position", "id", "match", "script", "timeout"], rows, options)),
  ];
}
