// Names in place of ids: the alias of a project, the name of a container, and so on. 24 hex digits are always an id.
import { ApiError } from "../../client/errors.ts";
import type { NameKind, ParsedArguments } from "../flags/flag.ts";
import { cell, fieldAt, listAt } from "../output/cell.ts";
import { CommandFailure, exitCode } from "../terminal/exit-code.ts";
import { safeText } from "../terminal/safe-text.ts";
import type { Command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { realmsCalled } from "./realm-choice.ts";

const idPattern = /^[0-9a-f]{24}$/;

/** One that has the name; `where` tells it from others. */
interface Found {
  readonly id: string;
  readonly where: string;
}

/** Most candidates of one name that are looked at. */
const candidatesMax = 100;

/**
 * The arguments with ids in place of names, and the container of the settings, where the command takes that. Throws
 * CommandFailure for a name that nothing has, or several things.
 */
export async function withIds(
  command: Command,
  context: CommandContext,
  parsed: ParsedArguments,
): Promise<ParsedArguments> {
  const args = new Map(parsed.args);
  const flags = new Map(parsed.flags);
  for (const { name, names } of command.args ?? []) {
    const said = args.get(name);
    if (names !== undefined && said !== undefined) args.set(name, await idOf(context, names, said));
  }
  const named = Object.entries(command.flags ?? {}).filter(([name, flag]) => {
    return flag.names !== undefined && flags.has(name);
  });
  // A member is looked for in its project.
  for (const [name, { names = "project" }] of named.toSorted(([, a], [, b]) => last(a) - last(b))) {
    const said = flags.get(name);
    const project = String(flags.get("project"));
    if (typeof said === "string") flags.set(name, await idOf(context, names, said, project));
    if (!Array.isArray(said)) continue;
    const ids: string[] = [];
    for (const each of said) ids.push(await idOf(context, names, String(each), project));
    flags.set(name, ids);
  }
  const { container } = context.settings;
  if (container !== undefined && takesContainer(command, parsed)) {
    context.useContainer(await idOf(context, "container", container));
  }
  return { args, flags };
}

function last({ names }: { readonly names?: NameKind }): number {
  return names === "member" ? 1 : 0;
}

/** Whether the container of the settings is the one that the command is about. */
function takesContainer(command: Command, { args, flags }: ParsedArguments): boolean {
  const isArgument = command.args?.some((each) => each.orContainer && !args.has(each.name));
  const isFlag = Object.entries(command.flags ?? {}).some(
    ([name, flag]) => flag.orContainer && !flags.has(name),
  );
  const isInPath = "call" in command && command.call.path.includes("{container}");
  return isArgument || isFlag || isInPath || command.takesContainer === true;
}

/** Throws CommandFailure for a name that nothing has, or several things. `project`: where a member is looked for. */
export async function idOf(
  context: CommandContext,
  kind: NameKind,
  said: string,
  project = "",
): Promise<string> {
  if (idPattern.test(said)) return said;
  const found = await lookups[kind](context, said, project);
  const [only, ...others] = found;
  const shown = safeText(said);
  if (only === undefined) throw new CommandFailure(exitCode.notFound, notFound[kind](shown));
  if (others.length === 0) return only.id;
  throw new CommandFailure(
    exitCode.failed,
    `${found.length} ${plurals[kind]} are called ${shown}; name one by its id:`,
    ...found.map(({ id, where }) => `  ${id}  ${safeText(where)}`.trimEnd()),
  );
}

const plurals: Readonly<Record<NameKind, string>> = {
  project: "projects",
  container: "containers",
  user: "users",
  member: "members",
  realm: "realms",
  token: "auth tokens",
  alias: "aliases",
  server: "servers",
};

const notFound: Readonly<Record<NameKind, (said: string) => string>> = {
  project: (said) =>
    `no project with the alias ${said} is visible here: see realmgate projects list`,
  container: (said) =>
    `no container with the name ${said} is visible here: see realmgate containers list`,
  user: (said) => `no user has the name or e-mail address ${said}: see realmgate users list`,
  member: (said) =>
    `no member of the project has the user name ${said}: see realmgate projects permissions list`,
  realm: (said) => `no realm with the name ${said} is visible here: see realmgate realms list`,
  token: (said) => `no auth token of yours has the alias ${said}: see realmgate auth list`,
  alias: (said) => `no alias ${said} is visible here: see realmgate proxy list`,
  server: (said) => `no server has the name ${said}: see realmgate servers list`,
};

type Lookup = (context: CommandContext, said: string, project: string) => Promise<Found[]>;

const lookups: Readonly<Record<NameKind, Lookup>> = {
  async project(context, said) {
    const query = { alias: said, limit: candidatesMax };
    const rows = await list(context, "/projects", "projects", query);
    return rows.map((row) => found(row, `realms: ${cell(fieldAt(row, "realm_ids"))}`));
  },
  async container(context, said) {
    const cut = said.lastIndexOf("/");
    const within =
      cut < 0 ? {} : { project_id: await idOf(context, "project", said.slice(0, cut)) };
    const query = { name: said.slice(cut + 1), limit: candidatesMax, ...within };
    const rows = await list(context, "/containers", "containers", query);
    return rows.map((row) => found(row, `project ${cell(fieldAt(row, "project_alias"))}`));
  },
  async user(context, said) {
    const rows = await list(context, "/users", "users", { search: said, limit: 100 }).catch(
      async (failure) => {
        if (!(failure instanceof ApiError) || failure.statusCode !== 403) throw failure;
        const me = await context.request({ method: "GET", path: "/api/v1/users/auth/me" });
        if (isCalled(me.data, said)) return [me.data];
        throw new CommandFailure(
          exitCode.refused,
          `only operators find users by name: name ${safeText(said)} by its id`,
        );
      },
    );
    return rows.filter((row) => isCalled(row, said)).map((row) => found(row));
  },
  async member(context, said, project) {
    const path = `/projects/${encodeURIComponent(project)}/permissions`;
    const rows = await list(context, path, "permissions", { limit: 100 });
    const user = said.includes("@") ? await idOf(context, "user", said) : null;
    return rows
      .filter((row) =>
        user === null ? fieldAt(row, "user.username") === said : fieldAt(row, "user_id") === user,
      )
      .map((row) => found(row));
  },
  async realm(context, said) {
    const { data } = await context.request({ method: "GET", path: "/api/v1/realms" });
    return realmsCalled(data, said).map((id) => ({ id, where: "" }));
  },
  async token(context, said) {
    const rows = await list(context, "/auth/tokens", null, {});
    return rows.filter((row) => fieldAt(row, "alias") === said).map((row) => found(row));
  },
  async alias(context, said) {
    const rows = await list(context, "/proxy/aliases", "aliases", {});
    return rows.filter((row) => fieldAt(row, "alias") === said).map((row) => found(row));
  },
  async server(context, said) {
    const rows = await list(context, "/servers", "servers", {});
    return rows.filter((row) => fieldAt(row, "name") === said).map((row) => found(row));
  },
};

function isCalled(user: unknown, said: string): boolean {
  return fieldAt(user, "username") === said || fieldAt(user, "email") === said.toLowerCase();
}

function found(row: unknown, where = ""): Found {
  return { id: String(fieldAt(row, "id")), where };
}

/** The rows of an answer; `items` null: it is a list itself. */
async function list(
  context: CommandContext,
  path: string,
  items: string | null,
  query: Readonly<Record<string, string | number>>,
): Promise<readonly unknown[]> {
  const request = { method: "GET", path: `/api/v1${path}` } as const;
  const { data } = await context.request({ ...request, query });
  if (items !== null) return listAt(data, items);
  return Array.isArray(data) ? data : [];
}
