// One step to protect a container: a group, what it may reach, and `default: deny`, in one write that is shown before.
import { containersUrlOf } from "../../client/containers-url.ts";
import { documentMetadata } from "../../client/write-from-answer.ts";
import type { Command } from "../execution/command.ts";
import type { CommandContext } from "../execution/context.ts";
import { enforced } from "../execution/enforced.ts";
import { requestWithSecret } from "../execution/made-secret.ts";
import { programAddress } from "../execution/program-address.ts";
import { projectLock } from "../execution/project-lock.ts";
import { requiredContainer } from "../execution/required-container.ts";
import type { Flags, ParsedArguments } from "../flags/flag.ts";
import { cell, fieldAt } from "../output/cell.ts";
import { previewText } from "../output/preview-text.ts";
import type { Show } from "../output/show.ts";
import { pairs } from "../output/table.ts";
import { confirm } from "../terminal/prompt.ts";
import { containerId, wait } from "./flags.ts";
import { DEFAULT_HEADER, keptGroup, proofOf, withPort } from "./protected-group.ts";

const flags: Flags = {
  program: { kind: "text", about: "the program that the group reaches; default: http" },
  port: { kind: "integer", about: "its port, or which instance; default: all" },
  basic: { kind: "text", about: "who knows a password; the user name", placeholder: "name" },
  token: { kind: "boolean", about: "who sends a token in a header", own: true },
  "jwt-secret": {
    kind: "text",
    about: "who has a JWT signed with this secret, or for this public key as PEM; - reads it",
    secret: true,
  },
  ip: { kind: "text", about: "who comes from this network", placeholder: "cidr" },
  secret: {
    kind: "text",
    about: "the password or token, - reads it; default: a new one, which is printed once",
    secret: true,
  },
  header: { kind: "text", about: `header of the token; default: ${DEFAULT_HEADER}` },
  algorithm: {
    kind: "text",
    about: "how JWTs are signed; default: HS256",
    choices: ["HS256", "RS256", "ES256"],
  },
  group: { kind: "text", about: "name of the group; default: the user name, token, jwt or ip" },
  wait,
  "validate-only": { kind: "boolean", about: "dry run: only show what would open and close" },
};

type Document = Readonly<Record<string, unknown>>;

export const protectCommands: readonly Command[] = [
  {
    words: "protect",
    about: "let who has a password, token, JWT or address reach a program; close the rest",
    example: "protect box-1 --program http --port 5173 --basic ops",
    args: [{ ...containerId, name: "container" }],
    flags,
    run: protect,
  },
];

async function protect(context: CommandContext, parsed: ParsedArguments): Promise<void> {
  const proof = proofOf(parsed);
  const id = requiredContainer(parsed.args.get("container") ?? context.settings.container);
  const path = `/api/v1/containers/${encodeURIComponent(id)}/proxy/permissions`;
  const { data } = await context.request({ method: "GET", path });
  const stored = (data ?? {}) as Document;
  const name = String(parsed.flags.get("group") ?? proof.name);
  const { group, made } = keptGroup(entries(stored, "groups"), name, proof, parsed);
  const program = String(parsed.flags.get("program") ?? "http");
  const port = parsed.flags.get("port");
  const access = withPort(fieldAt(stored, `permissions.${name}.${program}`), port);
  const body = {
    ...Object.fromEntries(Object.entries(stored).filter(([field]) => !documentMetadata.has(field))),
    groups: { ...entries(stored, "groups"), [name]: group },
    permissions: {
      ...entries(stored, "permissions"),
      [name]: { ...entries(entries(stored, "permissions"), name), [program]: access },
    },
    default: "deny",
  };
  const ifMatch = String(fieldAt(stored, "etag"));
  const write = { method: "PUT", path, body, ifMatch } as const;
  const dryRun = await context.request({ ...write, query: { validate_only: true } });
  if (parsed.flags.get("validate-only") === true) {
    context.show({ as: "text", text: previewOf, id: "etag" }, dryRun);
    context.say("dry run: nothing was stored");
    return;
  }
  for (const line of previewOf(dryRun.data)) context.say(line);
  await confirm(context.io, "This is what changes. Go on?", context.settings.yes);
  // Before the write: nothing comes between it and the secret that it stored.
  const url = await addressOf(context, id, program, port);
  const secret = ["password", "token"].find((field) => Object.hasOwn(made, field));
  const written = await requestWithSecret(
    context,
    write,
    secret === undefined ? null : { name: secret, value: made[secret] ?? "" },
  );
  const result = {
    container: id,
    etag: fieldAt(written.data, "etag"),
    group: name,
    program,
    access,
    default: "deny",
    ...(url === null ? {} : { url }),
    ...made,
  };
  const show: Show = {
    as: "text",
    text: (each, { emphasise }) => told(each, emphasise),
    id: secret ?? "etag",
  };
  context.show(show, { data: result, raw: JSON.stringify(result) });
  if (secret !== undefined) context.say(`the ${secret} is shown only now`);
  if (fieldAt(written.data, "enable_proxy") === false) {
    context.warn(`the container is locked: realmgate unlock ${id}`);
  }
  const other = await projectLock(context, id);
  if (other !== null) context.warn(`nothing of it is reachable, for ${other}`);
  if (parsed.flags.get("wait") === true) await enforced(context, written.revision);
}

/** Null: it cannot be told from here, or not to this caller. */
async function addressOf(
  context: CommandContext,
  id: string,
  program: string,
  port: unknown,
): Promise<string | null> {
  const { baseUrl, containersUrl } = context.settings;
  if (containersUrl === undefined && containersUrlOf(baseUrl) === null) return null;
  const instance = typeof port === "number" ? port : undefined;
  return programAddress(context, id, program, instance).catch(() => null);
}

function told(data: unknown, emphasise: (text: string) => string): readonly string[] {
  return pairs(
    Object.entries(data as Document).map(([field, value]) => [field, cell(value)] as const),
    emphasise,
  );
}

function previewOf(data: unknown): readonly string[] {
  const plain = { columns: null, emphasise: (text: string) => text };
  return previewText(fieldAt(data, "preview"), plain);
}

function entries(value: unknown, name: string): Document {
  const inner =
    typeof value === "object" && value !== null && Object.hasOwn(value, name)
      ? Reflect.get(value, name)
      : {};
  return typeof inner === "object" && inner !== null ? (inner as Document) : {};
}
