// Who can reach what, and why.
import type { Command } from "../execution/command.ts";
import type { ParsedArguments } from "../flags/flag.ts";
import { fieldAt } from "../output/cell.ts";
import { accessText, explainText } from "../output/explain-text.ts";
import { CommandFailure, exitCode } from "../terminal/exit-code.ts";
import { containerId } from "./flags.ts";

export const explainCommands: readonly Command[] = [
  {
    words: "explain",
    looks: true,
    aliases: ["containers explain"],
    about: "explain why a request to a container is allowed or refused; nothing is sent",
    example:
      "explain 890abcdef12345678901cdef --program terminal --instance 3 --ip 203.0.113.9 --header 'Authorization: Bearer eyJ…'",
    args: [containerId],
    flags: {
      program: { kind: "text", about: "program: terminal, http, …" },
      instance: { kind: "integer", about: "instance; of http the port" },
      host: { kind: "text", about: "instead of --program: a host name, or a URL from a browser" },
      alias: { kind: "text", about: "instead of --program: an alias" },
      request: {
        kind: "text",
        about: "instead of --program: a request that was made; its id is on its refusal",
        field: "request_id",
        placeholder: "id",
      },
      ip: { kind: "text", about: "the client's address", placeholder: "address" },
      header: {
        kind: "texts",
        about: "a header line 'Name: value'; - reads standard input",
        placeholder: "line",
        goesTo: "here",
        secret: true,
      },
      cookie: {
        kind: "texts",
        about: "a cookie name=value; - reads standard input",
        placeholder: "cookie",
        goesTo: "here",
        secret: true,
      },
      path: {
        kind: "text",
        about: "path and query; default: /",
        field: "path_and_query",
        secret: true,
      },
      method: { kind: "text", about: "method; default: GET" },
      time: { kind: "text", about: "time of the request; default: now", placeholder: "time" },
      expect: {
        kind: "text",
        about: "for scripts: exit with 4 unless this is the decision",
        choices: ["allow", "401", "403"],
        goesTo: "here",
      },
    },
    call: {
      method: "POST",
      path: "/containers/{id}/proxy/explain",
      body: (body, parsed) => ({ ...whereTo(body, parsed), ...headers(parsed) }),
      show: { as: "text", text: explainText, id: "reason" },
      after: refuseUnexpected,
    },
  },
  {
    words: "access",
    aliases: ["containers access"],
    about: "print who can reach which programs of a container",
    example: "access 890abcdef12345678901cdef",
    args: [containerId],
    call: {
      method: "GET",
      path: "/containers/{id}/proxy/access",
      show: { as: "text", text: accessText, id: "document_origin" },
    },
  },
];

/** Throws CommandFailure when `--expect` names another decision than the answer has. */
function refuseUnexpected(data: unknown, { flags }: ParsedArguments): void {
  const expected = flags.get("expect");
  if (expected === undefined) return;
  const status = fieldAt(data, "status");
  const decision = typeof status === "number" ? String(status) : "allow";
  if (decision === expected) return;
  throw new CommandFailure(exitCode.refused, `expected ${expected}, but it is ${decision}`);
}

/** Exactly one flag names the target. A URL supplies the host, and the path and query unless --path is given. */
function whereTo(body: Readonly<Record<string, unknown>>, { flags }: ParsedArguments): object {
  if (["program", "host", "alias", "request"].filter((name) => flags.has(name)).length !== 1) {
    throw new CommandFailure(
      exitCode.usage,
      "where does the request go? One of --program NAME (with --instance), --host HOST, --alias NAME and --request ID is required",
    );
  }
  const host = String(flags.get("host") ?? "");
  const [, authority, path = ""] = /^https?:\/\/([^/?#]*)([^#]*)/i.exec(host) ?? [];
  if (authority === undefined) return body;
  const target = path === "" ? {} : { path_and_query: path.startsWith("/") ? path : `/${path}` };
  return { ...target, ...body, host: authority };
}

/** Header lines in order, then all cookies in one line, as browsers send them. */
function headers({ flags }: ParsedArguments): { readonly headers?: readonly object[] } {
  const lines = (flags.get("header") ?? []) as readonly string[];
  const cookies = (flags.get("cookie") ?? []) as readonly string[];
  const all = lines.map((line) => {
    const [, name, value] = /^([^:\s]+):[ \t]*(.*?)[ \t]*$/s.exec(line) ?? [];
    if (name === undefined) {
      throw new CommandFailure(exitCode.usage, "--header is written --header 'Name: value'");
    }
    return { name, value: value ?? "" };
  });
  if (cookies.length > 0) all.push({ name: "Cookie", value: cookies.join("; ") });
  return all.length === 0 ? {} : { headers: all };
}
