// Login and logout, accounts.
import type { SessionTokens } from "../../client/session.ts";
import type { Command } from "../execution/command.ts";
import type { CommandContext } from "../execution/context.ts";
import { fieldAt } from "../output/cell.ts";
import type { Show } from "../output/show.ts";
import { changeProfile, siteOf, storeSession } from "../settings/credential.ts";
import { CommandFailure, exitCode } from "../terminal/exit-code.ts";
import { ask } from "../terminal/prompt.ts";

const sessionFields: Show = {
  as: "record",
  fields: ["user.username", "user.id", "expires_at", "refresh_expires_at"],
  id: "user.id",
};

/** This machine, as URLs spell it (RFC 6761 §6.3 for names). */
const loopback = /^(([^.]+\.)*localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

export const sessionCommands: readonly Command[] = [
  {
    words: "auth login",
    aliases: ["login"],
    about: "log in and store the session; asks unless -u NAME and --password-stdin are given",
    example: "auth login --username admin --base-url https://api.example.com",
    shows: ["username", "password", "password-stdin", "base-url", "profile", "config"],
    flags: {
      email: { kind: "text", about: "e-mail address instead of a user name" },
      "print-token": { kind: "boolean", about: "print the session's token" },
      save: { kind: "boolean", about: "--no-save: do not store the session" },
    },
    run: async (context, { flags }) => {
      const { identities } = context.settings;
      const said = (part: "username" | "password") =>
        identities.find((identity) => identity[part] !== undefined)?.[part];
      const email = flags.get("email");
      const username = said("username");
      const name =
        typeof email === "string"
          ? { email }
          : {
              username:
                username ??
                (await ask(context.io, "User name", { echo: true, instead: "--username NAME" })),
            };
      const { protocol, hostname } = context.settings.baseUrl;
      if (protocol === "http:" && !loopback.test(hostname)) {
        context.warn(`${hostname} is called without TLS: the network can read the password`);
      }
      const password = said("password") ?? (await askPassword(context, "Password"));
      const answered = await context.requestAs(null, {
        method: "POST",
        path: "/api/v1/users/auth/login",
        body: { ...name, password },
      });
      finishLogin(context, answered, flags);
      const who = fieldAt(answered.data, "user.username");
      const kept =
        flags.get("save") === false ? "" : `; the session is in ${context.settings.configPath}`;
      context.say(`logged in at ${siteOf(context.settings.baseUrl)} as ${who}${kept}`);
      if (flags.get("save") !== false && context.settings.profile.token !== undefined) {
        context.warn("a configured token overrides this session: realmgate config unset token");
      }
    },
  },
  {
    words: "auth logout",
    aliases: ["logout"],
    about: "end all your sessions; auth tokens stay valid",
    example: "auth logout",
    run: async (context) => {
      const answered = await context.request({
        method: "POST",
        path: "/api/v1/users/auth/logout",
      });
      changeProfile(context.settings, () => ({ session: undefined }));
      context.say(answered.message);
    },
  },
  {
    words: "auth refresh",
    about: "renew the session",
    example: "auth refresh",
    flags: {
      "refresh-token": {
        kind: "text",
        about: "refresh token; - reads standard input; default: the stored one",
        secret: true,
      },
      "print-token": { kind: "boolean", about: "print the session's token" },
      save: { kind: "boolean", about: "--no-save: do not store the session" },
    },
    run: async (context, { flags }) => {
      const { session } = context.settings.profile;
      const here = session?.baseUrl === siteOf(context.settings.baseUrl);
      const refreshToken = flags.get("refresh-token") ?? (here ? session?.refreshToken : undefined);
      if (typeof refreshToken !== "string") {
        throw new CommandFailure(
          exitCode.failed,
          "there is no stored session for this API: realmgate login",
        );
      }
      const answered = await context.requestAs(refreshToken, {
        method: "POST",
        path: "/api/v1/users/auth/refresh",
        body: { refreshToken },
      });
      finishLogin(context, answered, flags);
      context.say(`the session is good until ${fieldAt(answered.data, "expires_at")}`);
    },
  },
  {
    words: "auth signup",
    about: "create an account, if the server allows it",
    example: "auth signup --email me@example.com",
    flags: {
      email: { kind: "text", about: "e-mail address", required: true },
      region: { kind: "text", about: "region" },
      "invite-code": { kind: "text", about: "invitation code", secret: true },
    },
    run: async (context, { flags }) => {
      const password =
        context.settings.identities[0]?.password ?? (await askNewPassword(context, "Password"));
      const [email, region, invite_code] = ["email", "region", "invite-code"].map((name) =>
        flags.get(name),
      );
      const answered = await context.requestAs(null, {
        method: "POST",
        path: "/api/v1/auth/signup",
        body: { email, password, region, invite_code },
      });
      context.show({ as: "record", id: "email" }, answered);
      context.say(answered.message);
    },
  },
  {
    words: "users me",
    aliases: ["auth me"],
    about: "your account",
    example: "users me",
    call: { method: "GET", path: "/users/auth/me", show: { as: "record" } },
  },
  {
    words: "users password",
    about: "change your password; all sessions end",
    example: "users password",
    flags: {
      "current-password": {
        kind: "text",
        about: "current password; - reads standard input",
        secret: true,
      },
      "new-password": { kind: "text", about: "new password; - reads standard input", secret: true },
    },
    run: async (context, { flags }) => {
      const me = await context.request({ method: "GET", path: "/api/v1/users/auth/me" });
      const current =
        flags.get("current-password") ?? (await askPassword(context, "Current password"));
      const next = flags.get("new-password") ?? (await askNewPassword(context, "New password"));
      const answered = await context.request({
        method: "PUT",
        path: `/api/v1/users/${fieldAt(me.data, "id")}`,
        body: { current_password: current, password: next },
      });
      context.say(`${answered.message}. Log in again: realmgate login`);
    },
  },
];

/** Stores the session unless --no-save; prints the token or the session on request. */
function finishLogin(
  context: CommandContext,
  answered: { readonly data: unknown; readonly raw: string },
  flags: ReadonlyMap<string, unknown>,
): void {
  if (flags.get("save") !== false) storeSession(context.settings, answered.data as SessionTokens);
  if (flags.get("print-token") === true) {
    const token = fieldAt(answered.data, "token");
    context.show(
      { as: "text", text: () => [String(token)], id: "token" },
      { data: { token }, raw: answered.raw },
    );
  } else if (context.settings.output !== "table") {
    // Print the secrets of a session only with --print-token.
    const { token: _, refreshToken: __, ...shown } = answered.data as Record<string, unknown>;
    context.show(sessionFields, { data: shown, raw: JSON.stringify(shown) });
  }
}

function askPassword(context: CommandContext, label: string): Promise<string> {
  return ask(context.io, label, {
    echo: false,
    instead: "--password-stdin reads it from standard input",
  });
}

async function askNewPassword(context: CommandContext, label: string): Promise<string> {
  const first = await askPassword(context, label);
  const again = await askPassword(context, `${label}, again`);
  if (first !== again)
    throw new CommandFailure(exitCode.declined, "the passwords differ: nothing was done");
  return first;
}
