// Names in place of ids: the alias of a project, the name of a container, and so on. 24 hex digits are always an id.
import { ApiError } from "../../client/errors.ts";
import { cursorAfter } from "../../client/next-cursor.ts";
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
  /** The project that it is, or is in; unset: it is in none. */
  readonly project?: string;
}

/** Entries of a page, the server's maximum, and pages of a list in which a name is looked for. */
const pageEntries = 100;
const pagesMax = 100;

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
  const reads = command.looks === true || ("call" in command && command.call.method === "GET");
  const only = reads ? "looks" : "changes";
  for (const { name, names } of command.args ?? []) {
    const said = args.get(name);
    if (names === undefined || said === undefined) continue;
    args.set(name, await idOf(context, names, said, only));
  }
  const named = Object.entries(command.flags ?? {}).filter(([name, flag]) => {
    return flag.names !== undefined && flags.has(name);
  });
  // A member is looked for in its project.
  for (const [name, { names = "project" }] of named.toSorted(([, a], [, b]) => last(a) - last(b))) {
    const said = flags.get(name);
    const project = String(flags.get("project"));
    if (typeof said === "string") flags.set(name, await idOf(context, names, said, only, project));
    if (!Array.isArray(said)) continue;
    const ids: string[] = [];
    for (const each of said) ids.push(await idOf(context, names, String(each), only, project));
    flags.set(name, ids);
  }
  const { container } = context.settings;
  if (container !== undefined && takesContainer(command, parsed)) {
    context.useContainer(await idOf(context, "container", container, only));
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

/**
 * Names of the own account come first. What is in a project of another account is found by name to look at it only: anybody may
 * make a caller a member of a project that has the same names, and what is sent must not go there. `project`: where a member is
 * looked for. Throws CommandFailure for a name that nothing has, or several things.
 */
export async function idOf(
  context: CommandContext,
  kind: NameKind,
  said: string,
  purpose: "looks" | "changes",
  project = "",
): Promise<string> {
  if (idPattern.test(said)) return said;
  const all = await lookups[kind](context, said, project);
  const shown = safeText(said);
  if (all.length === 0) throw new CommandFailure(exitCode.notFound, notFound[kind](shown));
  const isInProject = all.some((each) => each.project !== undefined);
  const own =
    isInProject && (all.length > 1 || purpose === "changes") ? await owned(context, all) : all;
  const candidates = own.length > 0 || purpose === "changes" ? own : all;
  const [only, ...others] = candidates;
  if (only === undefined) {
    throw new CommandFailure(
      exitCode.failed,
      `${shown} is in a project of another account: to change it, name it by its id:`,
      ...all.map(lineOf),
    );
  }
  if (others.length === 0) {
    context.remember(only.id, said);
    return only.id;
  }
  throw new CommandFailure(
    exitCode.failed,
    `${candidates.length} ${plurals[kind]} are called ${shown}; name one by its id:`,
    ...candidates.map(lineOf),
  );
}

function lineOf({ id, where }: Found): string {
  return safeText(`  ${id}  ${where}`.trimEnd());
}

/** Those in projects of the caller's own account. */
async function owned(context: CommandContext, all: readonly Found[]): Promise<Found[]> {
  const me = await context.request({ method: "GET", path: "/api/v1/users/auth/me" });
  const owners = new Map<string, unknown>();
  for (const { project } of all) {
    if (project === undefined || owners.has(project)) continue;
    const path = `/api/v1/projects/${encodeURIComponent(project)}`;
    // A token that may not read it does not know whose it is.
    const read = await context.request({ method: "GET", path }).catch((failure) => {
      if (failure instanceof ApiError) return null;
      throw failure;
    });
    owners.set(project, fieldAt(read?.data, "user_id"));
  }
  const own = fieldAt(me.data, "id");
  return all.filter(({ project }) => project === undefined || owners.get(project) === own);
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
  node: "nodes",
  resource: "things",
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
  node: (said) => `no node has the name ${said}: see realmgate nodes list`,
  resource: (said) =>
    `no project, container, user, auth token or alias with the name ${said} is visible here`,
};

type Lookup = (context: CommandContext, said: string, project: string) => Promise<Found[]>;

const lookups: Readonly<Record<NameKind, Lookup>> = {
  async project(context, said) {
    const rows = await every(context, "/projects", "projects", { alias: said });
    return rows.map((row) => ({
      ...found(row, `realms: ${cell(fieldAt(row, "realm_ids"))}`),
      project: String(fieldAt(row, "id")),
    }));
  },
  async container(context, said) {
    const cut = said.lastIndexOf("/");
    const within =
      cut < 0 ? {} : { project_id: await idOf(context, "project", said.slice(0, cut), "looks") };
    const query = { name: said.slice(cut + 1), ...within };
    const rows = await every(context, "/containers", "containers", query);
    return rows.map((row) => ({
      ...found(row, `project ${cell(fieldAt(row, "project_alias"))}`),
      project: String(fieldAt(row, "project_id")),
    }));
  },
  async user(context, said) {
    const rows = await every(context, "/users", "users", { search: said }).catch(
      async (failure) => {
        if (!(failure instanceof ApiError) || failure.statusCode !== 403) throw failure;
        const me = await context.request({ method: "GET", path: "/api/v1/users/auth/me" });
        if (isCalled(me.data, said)) return [me.data];
        throw new CommandFailure(
          exitCode.refused,
          `only operators find users by name or e-mail address: name ${safeText(said)} by its id, a member also by its user name`,
        );
      },
    );
    return rows.filter((row) => isCalled(row, said)).map((row) => found(row));
  },
  async member(context, said, project) {
    const path = `/projects/${encodeURIComponent(project)}/permissions`;
    const user = said.includes("@") ? await idOf(context, "user", said, "looks") : null;
    const rows = await every(context, path, "permissions");
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
    const rows = await every(context, "/auth/tokens", null);
    return rows.filter((row) => fieldAt(row, "alias") === said).map((row) => found(row));
  },
  async alias(context, said) {
    const rows = await every(context, "/proxy/aliases", "aliases");
    return rows.filter((row) => fieldAt(row, "alias") === said).map((row) => found(row));
  },
  async server(context, said) {
    return called(context, "servers", said);
  },
  async node(context, said) {
    return called(context, "nodes", said);
  },
  async resource(context, said) {
    const kinds = said.includes("/") ? (["container"] as const) : resourceNames;
    const found = await Promise.all(
      kinds.map(async (kind) => {
        const all = await lookups[kind](context, said, "").catch(leftOut);
        return all.map((each) => ({ ...each, where: `${kind} ${each.where}`.trimEnd() }));
      }),
    );
    return found.flat();
  },
};

/** What an event may be about, and has a name. */
const resourceNames = ["project", "container", "user", "token", "alias"] as const;

/** A caller may look for some of these and not for others. */
function leftOut(failure: unknown): Found[] {
  const { refused, notFound } = exitCode;
  const isRefused = failure instanceof ApiError && failure.statusCode === 403;
  const isLeftOut =
    failure instanceof CommandFailure && [refused, notFound].some((code) => code === failure.exit);
  if (isRefused || isLeftOut) return [];
  throw failure;
}

function isCalled(user: unknown, said: string): boolean {
  return fieldAt(user, "username") === said || fieldAt(user, "email") === said.toLowerCase();
}

function found(row: unknown, where = ""): Found {
  return { id: String(fieldAt(row, "id")), where };
}

/** Of a list without pages. */
async function called(
  context: CommandContext,
  items: "servers" | "nodes",
  said: string,
): Promise<Found[]> {
  const { data } = await context.request({ method: "GET", path: `/api/v1/${items}` });
  const rows = listAt(data, items).filter((row) => fieldAt(row, "name") === said);
  return rows.map((row) => found(row));
}

/** All rows of a list, page after page; `items` null: the answer is the list itself. Throws CommandFailure when there are too many. */
async function every(
  context: CommandContext,
  path: string,
  items: string | null,
  query: Readonly<Record<string, string>> = {},
): Promise<readonly unknown[]> {
  const all: unknown[] = [];
  let cursor: string | undefined = "";
  for (let page = 0; page < pagesMax; page++) {
    const answered = await context.request({
      method: "GET",
      path: `/api/v1${path}`,
      query: { ...query, limit: pageEntries, cursor },
    });
    const { data } = answered;
    const rows = items !== null ? listAt(data, items) : Array.isArray(data) ? data : [];
    all.push(...rows);
    cursor = cursorAfter(answered, rows.length, cursor);
    if (cursor === undefined) return all;
  }
  throw new CommandFailure(exitCode.failed, "too many have a name like that: name one by its id");
}
