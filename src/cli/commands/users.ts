// Accounts, for operators. An account is named by its id, its user name or its e-mail address.
import { randomBytes } from "node:crypto";
import type { HttpRequest } from "../../client/http.ts";
import type { Command } from "../execution/command.ts";
import type { CommandContext } from "../execution/context.ts";
import { requestWithSecret } from "../execution/made-secret.ts";
import type { Argument, ParsedArguments } from "../flags/flag.ts";
import type { Show } from "../output/show.ts";
import { CommandFailure, exitCode } from "../terminal/exit-code.ts";
import { confirm } from "../terminal/prompt.ts";
import { paging } from "./flags.ts";

const record: Show = { as: "record" };
const user: Argument = {
  name: "user",
  about: "id, user name or e-mail address",
  names: "user",
};
const password = {
  kind: "text",
  about: "its password; default: a new one, which is printed once",
  secret: true,
  goesTo: "here",
} as const;

/** Of a change of one account. */
function changeOf({ args }: ParsedArguments, body: Readonly<Record<string, unknown>>): HttpRequest {
  const path = `/api/v1/users/${encodeURIComponent(args.get("user") ?? "")}`;
  return { method: "PATCH", path, body };
}

/** Sends a change of one account and shows the account. */
async function change(
  context: CommandContext,
  parsed: ParsedArguments,
  body: Readonly<Record<string, unknown>>,
): Promise<void> {
  context.show(record, await context.request(changeOf(parsed, body)));
}

/** 24 characters; three of four kinds are sure. */
function newPassword(): string {
  return `${randomBytes(15).toString("base64url")}-aA1`;
}

/** Sends a write with the password that was said, or with a new one, which is printed; shows the account. */
async function writeWithPassword(
  context: CommandContext,
  { flags }: ParsedArguments,
  write: (password: string) => HttpRequest,
): Promise<void> {
  const said = flags.get("new-password");
  const isSaid = typeof said === "string";
  const password = isSaid ? said : newPassword();
  const made = isSaid ? null : { name: "password", value: password };
  const answered = await requestWithSecret(context, write(password), made);
  // Before what may fail: the reader of standard output may be gone.
  if (made !== null) context.io.stderr.write(`password (shown only now): ${password}\n`);
  context.show(record, answered);
}

export const userCommands: readonly Command[] = [
  {
    words: "users list",
    aliases: ["users ls"],
    about: "all accounts; for operators",
    example: "users list --search bob",
    flags: {
      ...paging("created_at", "id", "username", "email", "updated_at"),
      search: { kind: "text", about: "part of a name or an address" },
    },
    call: {
      method: "GET",
      path: "/users",
      show: {
        as: "list",
        items: "users",
        columns: ["id", "username", "email", "is_admin", "is_banned", "created_at"],
        wide: ["alias", "updated_at"],
      },
    },
  },
  {
    words: "users create",
    aliases: ["users add"],
    about: "make an account; for operators",
    example: "users create bob --email bob@example.com",
    args: [{ name: "name", about: "its user name" }],
    flags: {
      email: { kind: "text", about: "its e-mail address", required: true },
      "is-admin": { kind: "boolean", about: "it operates this installation" },
      "new-password": password,
    },
    run: (context, parsed) =>
      writeWithPassword(context, parsed, (chosen) => ({
        method: "POST",
        path: "/api/v1/users",
        body: {
          username: parsed.args.get("name"),
          email: parsed.flags.get("email"),
          is_admin: parsed.flags.get("is-admin") === true,
          password: chosen,
        },
      })),
  },
  {
    words: "users get",
    about: "one account; for operators",
    example: "users get bob@example.com",
    args: [user],
    run: async (context, { args }) => {
      const path = `/api/v1/users/${encodeURIComponent(args.get("user") ?? "")}`;
      context.show(record, await context.request({ method: "GET", path }));
    },
  },
  {
    words: "users update",
    about: "change an account; for operators",
    example: "users update bob --is-admin",
    args: [user],
    flags: {
      "new-name": { kind: "text", about: "another user name" },
      email: { kind: "text", about: "another e-mail address" },
      "is-admin": { kind: "boolean", about: "--no-is-admin: it operates nothing any more" },
    },
    run: async (context, parsed) => {
      const { flags } = parsed;
      const body = {
        ...(flags.has("new-name") ? { username: flags.get("new-name") } : {}),
        ...(flags.has("email") ? { email: flags.get("email") } : {}),
        ...(flags.has("is-admin") ? { is_admin: flags.get("is-admin") } : {}),
      };
      if (Object.keys(body).length === 0) {
        throw new CommandFailure(exitCode.usage, "nothing to change: see --help");
      }
      await change(context, parsed, body);
    },
  },
  {
    words: "users ban",
    about: "shut an account out: its sessions end, its tokens are refused; for operators",
    example: "users ban bob@example.com",
    args: [user],
    run: (context, parsed) => change(context, parsed, { is_banned: true }),
  },
  {
    words: "users unban",
    about: "let an account in again: its tokens work, it has to log in anew; for operators",
    example: "users unban bob@example.com",
    args: [user],
    run: (context, parsed) => change(context, parsed, { is_banned: false }),
  },
  {
    words: "users reset-password",
    about: "give an account another password, which ends its sessions; for operators",
    example: "users reset-password bob@example.com",
    args: [user],
    flags: { "new-password": password },
    run: (context, parsed) =>
      writeWithPassword(context, parsed, (chosen) => changeOf(parsed, { password: chosen })),
  },
  {
    words: "users delete",
    aliases: ["users rm"],
    about: "delete an account with its projects and tokens; for operators",
    example: "users delete bob@example.com --with-containers",
    args: [user],
    flags: {
      "with-containers": { kind: "boolean", about: "its containers, too", goesTo: "here" },
    },
    run: async (context, { args, flags }) => {
      const id = args.get("user") ?? "";
      const question = `This deletes the account ${context.shown(id)} with its projects and tokens. Go on?`;
      await confirm(context.io, question, context.settings.yes);
      const query = flags.get("with-containers") === true ? { with_containers: true } : {};
      const answered = await context.request({
        method: "DELETE",
        path: `/api/v1/users/${encodeURIComponent(id)}`,
        query,
      });
      context.show({ as: "done" }, answered);
      context.say(answered.message);
    },
  },
];
