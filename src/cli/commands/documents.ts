// Permission documents: the same commands for projects and containers.
import type { Call, Command } from "../execution/command.ts";
import type { Flag, Flags, ParsedArguments } from "../flags/flag.ts";
import { fieldAt } from "../output/cell.ts";
import { documentText } from "../output/document-text.ts";
import { previewText } from "../output/preview-text.ts";
import type { Show } from "../output/show.ts";
import type { TableOptions } from "../output/table.ts";
import { CommandFailure, exitCode } from "../terminal/exit-code.ts";
import { ifMatch, policy, project, validateOnly, wait } from "./flags.ts";
import { documentFrom } from "./read-document.ts";

const document: Show = { as: "text", text: documentOrPreview, id: "etag" };

const group: Flag = {
  kind: "text",
  about: "the group",
  placeholder: "name",
  goesTo: "path",
  required: true,
};
const program: Flag = { kind: "text", about: "the program: terminal, http, …", required: true };
const enabled: Flag = { kind: "boolean", about: "--no-enabled switches the group off" };

/** The answer to a dry run has a preview of the changes; any other answer is the document. */
function documentOrPreview(data: unknown, options: TableOptions): readonly string[] {
  const preview = fieldAt(data, "preview");
  return preview === undefined ? documentText(data, options) : previewText(preview, options);
}

interface Level {
  readonly name: "projects" | "containers";
  /** Flags that identify the project or container. */
  readonly flags: Flags;
  readonly line: string;
}

const levels: readonly Level[] = [
  { name: "projects", flags: { project }, line: "--project $PROJECT_ID" },
  // `--container` is a flag of every command.
  // The container says which project it is in; the documented command line names it all the same.
  {
    name: "containers",
    flags: { project: { kind: "text", about: "the project", goesTo: "here", hidden: true } },
    line: "--container $CONTAINER_ID",
  },
];

interface Row {
  readonly words: string;
  readonly aliases?: readonly string[];
  readonly about: string;
  /** What follows the words and the id. */
  readonly example: string;
  readonly flags?: Flags;
  readonly method: Call["method"];
  readonly path: string;
  readonly body?: Call["body"];
  readonly destroys?: string;
  readonly unsaid?: Command["unsaid"];
}

const rows: readonly Row[] = [
  {
    words: "permissions get",
    about: "the permission document and its version",
    example: "-o json",
    method: "GET",
    path: "",
  },
  {
    words: "permissions replace",
    aliases: ["permissions set"],
    about: "write the whole permission document",
    example: `--if-match latest --groups team='{"type": "ip", "range": "203.0.113.0/24"}' --permissions team='{"http": true, "terminal": [1,2]}' --default deny`,
    method: "PATCH",
    path: "",
    body: documentFrom,
    flags: {
      file: {
        kind: "json-file",
        about:
          "read the document from this file, as `get -o json` writes it; - reads standard input",
        goesTo: "here",
      },
      groups: { kind: "json-map", about: "who: a group", secret: true },
      permissions: { kind: "json-map", about: "what: programs of a group" },
      default: { ...policy, about: "when no group matches; default: deny" },
      "enable-proxy": { kind: "boolean", about: "--no-enable-proxy is the kill switch" },
      combine: {
        kind: "text",
        about: "which groups have to match",
        choices: ["any", "all"],
      },
      preflight: {
        kind: "text",
        about: "CORS preflights without credentials: judged, or passed to the program",
        choices: ["judge", "pass"],
      },
      hooks: {
        kind: "json-map",
        about: "hooks of a program; containers only",
        placeholder: "program=json",
      },
    },
  },
  {
    words: "permissions delete",
    aliases: ["permissions rm"],
    about: "delete the permission document",
    example: "--if-match file:v3",
    method: "DELETE",
    path: "",
    destroys: "the permission document",
  },
  {
    words: "default",
    about: "set the access when no group matches",
    example: "--if-match file:v3 --default deny",
    method: "PATCH",
    path: "/default",
    flags: { default: { ...policy, required: true } },
  },
  {
    words: "state",
    about: "the kill switch: --no-enable-proxy makes nothing reachable; see also lock, unlock",
    example: "--if-match file:v3 --enable-proxy",
    method: "PATCH",
    path: "/state",
    body: ({ enable_proxy = false }) => ({ enable_proxy }),
    unsaid: {
      flag: "enable-proxy",
      question:
        "Without --enable-proxy this is the kill switch: nothing will be reachable, open connections end.",
      otherwise: "say which: --enable-proxy, or --no-enable-proxy for the kill switch",
    },
    flags: {
      "enable-proxy": {
        kind: "boolean",
        about: "on; --no-enable-proxy: off; without either it asks whether to switch off",
      },
    },
  },
  {
    words: "groups ip set",
    about: "create or replace a group of addresses",
    example: '--group-name office --if-match file:v3 --range "198.51.100.0/24"',
    method: "PATCH",
    path: "/groups/{group-name}/ip",
    flags: {
      "group-name": group,
      range: { kind: "text", about: "network", placeholder: "cidr", required: true },
      enabled,
    },
  },
  {
    words: "groups jwt set",
    about: "create or replace a group of signed tokens",
    example:
      '--group-name api-users --if-match file:v3 --secret - --algorithm HS256 --sources "header:Authorization"',
    method: "PATCH",
    path: "/groups/{group-name}/jwt",
    flags: {
      "group-name": group,
      secret: {
        kind: "text",
        about: "secret, or public key as PEM; - reads standard input",
        secret: true,
        required: true,
      },
      algorithm: {
        kind: "text",
        about: "how tokens are signed; default: HS256",
        choices: ["HS256", "RS256", "ES256"],
      },
      sources: {
        kind: "list",
        about: "where tokens are read from: header:Name, cookie:name",
        placeholder: "source",
        required: true,
      },
      claims: {
        kind: "claims",
        about: 'claim that must be equal; name:=json for numbers, truth values and {"has":"admin"}',
      },
      enabled,
    },
  },
  {
    words: "groups password set",
    about: "create or replace a group with a password",
    example:
      "--group-name ops --if-match file:v3 --auth-username ops --auth-password - --salt pepper",
    method: "PATCH",
    path: "/groups/{group-name}/password",
    flags: {
      "group-name": group,
      "auth-username": { kind: "text", about: "user name", field: "username", required: true },
      "auth-password": {
        kind: "text",
        about: "password, or its digest; - reads standard input",
        field: "password",
        secret: true,
        required: true,
      },
      salt: { kind: "text", about: "salt of the digest", required: true },
      algorithm: { kind: "text", about: "digest", choices: ["sha256"] },
      enabled,
    },
  },
  {
    words: "groups token set",
    about: "create or replace a group with a token",
    example: "--group-name partners --if-match file:v3 --value - --header X-Api-Token",
    method: "PATCH",
    path: "/groups/{group-name}/token",
    body: tokenGroup,
    flags: {
      "group-name": group,
      value: { kind: "text", about: "the token; - reads standard input", secret: true },
      header: { kind: "text", about: "header that carries it" },
      cookie: { kind: "text", about: "cookie that carries it" },
      param: { kind: "text", about: "query parameter that carries it" },
      body: {
        kind: "json",
        about: 'all of it: {"header":"X-Api-Token","value":"…"}; - reads standard input',
        goesTo: "here",
        secret: true,
      },
      enabled,
    },
  },
  {
    words: "groups delete",
    aliases: ["groups rm"],
    about: "delete a group and its permissions",
    example: "--group-name office --if-match file:v3",
    method: "DELETE",
    path: "/groups/{group-name}",
    destroys: "the group",
    flags: { "group-name": group },
  },
  {
    words: "groups permissions set",
    about: "set a group's permission for a program",
    example: '--group-name developers --if-match file:v3 --program terminal --access "[1,2,3]"',
    method: "PATCH",
    path: "/permissions/{group-name}",
    flags: {
      "group-name": group,
      program,
      access: {
        kind: "access",
        about: "true, false, an instance or port, [1,2], 1-5 or *",
        required: true,
      },
    },
  },
  {
    words: "groups permissions delete",
    aliases: ["groups permissions rm"],
    about: "delete a group's permission for a program",
    example: "--group-name developers --if-match file:v3 --program terminal",
    method: "DELETE",
    path: "/permissions/{group-name}/{program}",
    destroys: "the group's permission for the program",
    flags: { "group-name": group, program: { ...program, goesTo: "path" } },
  },
  {
    words: "groups permissions clear",
    about: "delete all permissions of a group",
    example: "--group-name developers --if-match file:v3",
    method: "DELETE",
    path: "/permissions/{group-name}",
    destroys: "all permissions of the group",
    flags: { "group-name": group },
  },
];

/** The group from its flags or from `--body`. Throws CommandFailure for both. */
function tokenGroup(body: Readonly<Record<string, unknown>>, parsed: ParsedArguments): unknown {
  const whole = parsed.flags.get("body");
  if (whole === undefined) return body;
  if (Object.keys(body).length > 0) {
    throw new CommandFailure(
      exitCode.usage,
      "--body holds the whole group: do not combine it with other flags",
    );
  }
  return whole;
}

export const documentCommands: readonly Command[] = levels.flatMap((level) =>
  rows.map((row) => commandOf(level, row)),
);

function commandOf({ name, flags, line }: Level, row: Row): Command {
  const versioned = row.method !== "GET";
  const key = name === "projects" ? "{project}" : "{container}";
  const words = `${name} proxy ${row.words}`;
  return {
    words,
    about: row.about,
    example: `${words} ${line} ${row.example}`,
    ...(row.aliases === undefined
      ? {}
      : { aliases: row.aliases.map((alias) => `${name} proxy ${alias}`) }),
    ...(row.destroys === undefined
      ? {}
      : { destroys: `${row.destroys} of the ${name.slice(0, -1)}` }),
    ...(row.unsaid === undefined ? {} : { unsaid: row.unsaid }),
    flags: {
      ...flags,
      ...(versioned ? { "if-match": ifMatch, "validate-only": validateOnly, wait } : {}),
      ...row.flags,
    },
    call: {
      method: row.method,
      path: `/${name}/${key}/proxy/permissions${row.path}`,
      versioned,
      ...(row.body === undefined ? {} : { body: row.body }),
      ...(/^groups \w+ set$/.test(row.words) ? { warns: true } : {}),
      show: document,
    },
  };
}
