// Runs one call of the table: parsed arguments → request → output.
import { ApiError } from "../../client/errors.ts";
import type { Flag, ParsedArguments } from "../flags/flag.ts";
import { fieldAt, listAt } from "../output/cell.ts";
import { rowsOf } from "../output/render.ts";
import type { Show } from "../output/show.ts";
import { CommandFailure, exitCode } from "../terminal/exit-code.ts";
import { confirm } from "../terminal/prompt.ts";
import { allPages } from "./all-pages.ts";
import type { Call, Command } from "./command.ts";
import type { AnsweredCall, CommandContext } from "./context.ts";
import { enforced } from "./enforced.ts";
import { failureLines } from "./failure.ts";
import { requiredContainer } from "./required-container.ts";
import { retryHint } from "./retry-hint.ts";

interface Prepared {
  readonly path: string;
  readonly query: Readonly<Record<string, string | number | boolean>>;
  readonly body: unknown;
}

/** Confirms, calls and shows. Throws CommandFailure, ApiError or NetworkError. */
export async function runCall(
  command: Command & { readonly call: Call },
  context: CommandContext,
  parsed: ParsedArguments,
): Promise<void> {
  const { call } = command;
  const prepared = prepare(command, parsed, context.settings.container);
  const isDryRun = parsed.flags.get("validate-only") === true;
  if (!isDryRun) await askUnsaid(command, context, parsed);
  if (command.destroys !== undefined && !isDryRun) {
    const said = [...parsed.args.values(), ...pathFlags(command, parsed)];
    const what = said.map((each) => context.shown(each)).join(" ");
    const question = `This deletes ${command.destroys}${what === "" ? "" : ` (${what})`}. Go on?`;
    await confirm(context.io, question, context.settings.yes);
  }
  const ifMatch = await version(context, prepared.path, parsed);
  let answered: AnsweredCall;
  try {
    const { method, show } = call;
    answered =
      show.as === "list" && parsed.flags.get("all") === true
        ? await allPages(show, prepared.query, (query) =>
            context.request({ method, ...prepared, query }),
          )
        : await context.request({ method, ...prepared, ifMatch });
  } catch (failure) {
    if (failure instanceof ApiError && failure.statusCode === 412 && ifMatch !== undefined) {
      throw await stale(command, context, failure, prepared.path, ifMatch);
    }
    throw failure;
  }
  context.show(call.show, answered);
  if (call.show.as === "done") context.say(answered.message);
  if (isDryRun) context.say("dry run: nothing was stored");
  if (context.settings.quiet && call.warns) sayWarnings(context, answered.data);
  sayMore(context, call.show, answered);
  call.after?.(answered.data, parsed);
  if (parsed.flags.get("wait") === true && !isDryRun) await enforced(context, answered.revision);
}

/** Throws CommandFailure unless the flag is there, or a person at a terminal agrees to what it means that it is not. */
async function askUnsaid({ unsaid }: Command, context: CommandContext, parsed: ParsedArguments) {
  if (unsaid === undefined || parsed.flags.has(unsaid.flag)) return;
  const { stdin, stderr } = context.io;
  if (context.settings.yes || !stdin.isTerminal || !stderr.isTerminal) {
    throw new CommandFailure(exitCode.usage, unsaid.otherwise);
  }
  await confirm(context.io, `${unsaid.question} Go on?`, false);
}

/** Puts arguments and flags into path, query and body. Throws CommandFailure for what is missing or has the wrong type. */
export function prepare(
  command: Command & { readonly call: Call },
  parsed: ParsedArguments,
  container: string | undefined,
): Prepared {
  const { call, flags = {} } = command;
  const query: Record<string, string | number | boolean> = {};
  const body: Record<string, unknown> = {};
  for (const [name, value] of parsed.flags) {
    const flag = flags[name];
    if (flag === undefined) continue;
    const field = flag.field ?? name.replaceAll("-", "_");
    const place = flag.goesTo ?? (call.method === "GET" ? "query" : "body");
    if (place === "query") query[field] = value as string | number | boolean;
    else if (place === "body") setField(body, field.split("."), value);
  }
  for (const [name, flag] of Object.entries(flags)) {
    if (!flag.orContainer || parsed.flags.has(name)) continue;
    body[flag.field ?? name.replaceAll("-", "_")] = requiredContainer(container);
  }
  const path = `/api/v1${call.path.replace(/\{([a-z-]+)\}/g, (_whole, name: string) => encodeURIComponent(pathPart(name, command, parsed, container)))}`;
  const sent = call.body === undefined ? body : call.body(body, parsed);
  const hasBody = call.method !== "GET" && call.method !== "DELETE";
  const isEmpty = typeof sent === "object" && sent !== null && Object.keys(sent).length === 0;
  const takesBody = Object.values(flags).some((flag) => placeOf(flag, call) === "body");
  return { path, query, body: hasBody && (takesBody || !isEmpty) ? sent : undefined };
}

function placeOf(flag: Flag, call: Call): Flag["goesTo"] {
  return flag.goesTo ?? (call.method === "GET" ? "query" : "body");
}

function pathPart(
  name: string,
  { args = [] }: Command,
  parsed: ParsedArguments,
  container: string | undefined,
): string {
  const said = parsed.args.get(name) ?? parsed.flags.get(name);
  if (typeof said === "string" && said !== "") return said;
  const takesContainer =
    name === "container" || args.find((each) => each.name === name)?.orContainer;
  if (takesContainer) return requiredContainer(container);
  throw new CommandFailure(exitCode.usage, `${name} is missing`);
}

function pathFlags({ flags = {} }: Command, parsed: ParsedArguments): string[] {
  return Object.entries(flags)
    .filter(([name, flag]) => flag.goesTo === "path" && parsed.flags.has(name))
    .map(([name]) => String(parsed.flags.get(name)));
}

function setField(body: Record<string, unknown>, [first = "", ...rest]: string[], value: unknown) {
  if (rest.length === 0) {
    body[first] = value;
    return;
  }
  const inner: unknown = body[first] ?? {};
  if (typeof inner !== "object" || inner === null || Array.isArray(inner)) {
    throw new CommandFailure(exitCode.usage, `--${first} must be a JSON object`);
  }
  body[first] = inner;
  setField(inner as Record<string, unknown>, rest, value);
}

/** Value of `--if-match`; fetches the current version for `latest` only. */
async function version(
  context: CommandContext,
  path: string,
  parsed: ParsedArguments,
): Promise<string | undefined> {
  const said = parsed.flags.get("if-match");
  if (said !== "latest") return typeof said === "string" ? said : undefined;
  return currentVersion(context, path);
}

async function currentVersion(context: CommandContext, path: string): Promise<string | undefined> {
  const document = path.replace(/\/proxy\/.*$/s, "/proxy/permissions");
  const { data } = await context.request({ method: "GET", path: document });
  const etag = fieldAt(data, "etag");
  return typeof etag === "string" ? etag : undefined;
}

/** For a stale version: the failure with the current version and the command line to run again. */
async function stale(
  command: Command,
  context: CommandContext,
  failure: ApiError,
  path: string,
  ifMatch: string,
): Promise<unknown> {
  const now = await currentVersion(context, path).catch(() => undefined);
  if (now === undefined) return failure;
  const [, level, id] = /^\/api\/v1\/(projects|containers)\/([^/]+)/.exec(path) ?? [];
  const read = `${level} proxy permissions get --${level?.slice(0, -1)} ${id}`;
  return new CommandFailure(
    exitCode.conflict,
    ...failureLines(failure, context.settings),
    `The document is now at ${now}; this write was for ${ifMatch}. Check what changed, then run again:`,
    `  realmgate ${read}`,
    `  ${retryHint(context.typed, command, new Map([["if-match", now]]))}`,
  );
}

/** `-q` prints an id, and the warnings of a write would be lost. */
function sayWarnings(context: CommandContext, data: unknown): void {
  for (const warning of listAt(data, "warnings")) context.warn(String(warning));
}

/** Says on stderr what a table cannot show: that there are more entries, or none. */
function sayMore(context: CommandContext, show: Show, { data, ...beside }: AnsweredCall): void {
  const { output } = context.settings;
  if (show.as !== "list" || (output !== "table" && output !== "wide")) return;
  const { page, totalPages, total } = (fieldAt(data, "pagination") ?? {}) as Record<
    string,
    unknown
  >;
  if (Number(totalPages) > 1) {
    context.say(
      `page ${page} of ${totalPages}, ${total} in all: --page shows others, --all every entry`,
    );
  }
  if ((beside as { truncated?: unknown }).truncated === true) {
    context.say("the list is truncated: --all shows every entry");
  }
  if (rowsOf(show, data).length === 0) context.say("none");
}
