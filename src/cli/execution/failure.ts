// Errors → lines for people: what failed, and what to do next.
import { parseBaseUrl, realmOf } from "../../client/api-host.ts";
import { ApiError, NetworkError, type NetworkErrorKind } from "../../client/errors.ts";
import { sendsAuthToken, siteOf } from "../settings/credential.ts";
import { defaultBaseUrl, type Settings } from "../settings/settings.ts";
import { CommandFailure, type ExitCode, exitCode } from "../terminal/exit-code.ts";
import { safeJson, safeText } from "../terminal/safe-text.ts";

/** Lines without escape sequences. Null: an unexpected error, which is a bug. */
export function linesOf(thrown: unknown, settings: Settings): readonly string[] | null {
  if (thrown instanceof ApiError) return failureLines(thrown, settings);
  if (isFileFailure(thrown)) return [safeText(`${thrown.path} cannot be written (${thrown.code})`)];
  if (!(thrown instanceof NetworkError)) return null;
  const next = networkNext[thrown.kind];
  return [`${safeText(thrown.message)}${next === "" ? "" : ` ${next}`}`];
}

const byStatus: ReadonlyMap<number, ExitCode> = new Map([
  [401, exitCode.refused],
  [403, exitCode.refused],
  [404, exitCode.notFound],
  [409, exitCode.conflict],
  [412, exitCode.conflict],
  [428, exitCode.conflict],
  [429, exitCode.refused],
]);

/** What a script learns from the exit code. */
export function exitOf(thrown: unknown): ExitCode {
  if (thrown instanceof CommandFailure) return thrown.exit;
  if (thrown instanceof NetworkError) return exitCode.unreachable;
  const status = thrown instanceof ApiError ? thrown.statusCode : 0;
  return byStatus.get(status) ?? exitCode.failed;
}

/** A failure as one line of JSON for scripts: what people read, and the facts of the server's answer. */
export function failureJson(lines: readonly string[], exit: ExitCode, thrown: unknown): string {
  const facts =
    thrown instanceof ApiError
      ? {
          statusCode: thrown.statusCode,
          code: thrown.code,
          violations: thrown.violations,
          requestId: thrown.requestId,
          retryAfterS: thrown.retryAfterS,
        }
      : thrown instanceof NetworkError
        ? { kind: thrown.kind }
        : {};
  const [message = "", ...details] = lines;
  return `${safeJson(JSON.stringify({ error: { exit, message, details, ...facts } }))}\n`;
}

/** A failure of the file system. Commands write only the configuration file. */
function isFileFailure(thrown: unknown): thrown is NodeJS.ErrnoException {
  const { syscall, path } = thrown as NodeJS.ErrnoException;
  return thrown instanceof Error && typeof syscall === "string" && typeof path === "string";
}

export function failureLines(failure: ApiError, settings: Settings): readonly string[] {
  const next = nextStep(failure, settings);
  const name =
    failure.statusCode >= 500 && failure.requestId ? ` (request ${failure.requestId})` : "";
  const { violations } = failure;
  // The server's message repeats the first violation.
  const said = violations.length > 0 ? "Validation failed" : sentence(failure.message);
  const first = `${failure.statusCode} ${safeText(said)}${safeText(name)}${next === "" ? "" : `: ${next}`}`;
  return [
    first,
    ...violations.map(({ instancePath, message }) =>
      safeText(`  ${instancePath === "" ? "the whole" : instancePath} ${message}`),
    ),
  ];
}

type NextStep = (failure: ApiError, settings: Settings) => string;

const logIn = "realmgate login";

/** By machine code. */
const byCode: ReadonlyMap<string, NextStep> = new Map<string, NextStep>([
  ["MISSING_TOKEN", (_failure, settings) => notLoggedIn(settings)],
  ["TOKEN_EXPIRED", () => `log in again with ${logIn}, or use another --token`],
  ["INVALID_TOKEN", () => `log in again with ${logIn}, or check --token and REALMGATE_TOKEN`],
  ["TOKEN_DISABLED", () => "this token is disabled; use another --token"],
  ["INVALID_CREDENTIALS", () => "check the user name and the password"],
  [
    "ROUTE_NOT_FOUND",
    () => "this server does not have the call: check --base-url and the server's version",
  ],
  ["NOT_THIS_API", () => "is --base-url right?"],
  ["UNEXPECTED_REDIRECT", () => "is --base-url right?"],
  [
    "PROJECT_NOT_IN_REALM",
    () => "projects update ID --alias … --realm-ids … adds the project to a realm",
  ],
  [
    "INSUFFICIENT_PERMISSIONS",
    (_failure, settings) =>
      sendsAuthToken(settings)
        ? "realmgate auth get-current shows what this token may do"
        : "realmgate users me shows who you are",
  ],
  ["GROUP_NOT_FOUND", () => "groups ip|jwt|password|token set creates one"],
  [
    "PRECONDITION_REQUIRED",
    () => "give the version that you read with --if-match VERSION, or `--if-match latest`",
  ],
]);

function nextStep(failure: ApiError, settings: Settings): string {
  const { message, statusCode, retryAfterS } = failure;
  if (message.includes("requires auth token authentication")) {
    return "you are calling with a session or a password; use --token. realmgate users me shows who you are";
  }
  if (message.includes("requires a realm-scoped URL")) {
    return "realmgate auth get-current shows the realms of this token; --realm ID chooses one";
  }
  if (message.includes("not valid for realm")) {
    return "realmgate auth get-current --base-url … (without a realm) shows the realms of this token";
  }
  if (statusCode === 429) {
    return retryAfterS === null ? "try again later" : `try again in ${retryAfterS} s`;
  }
  const known = byCode.get(failure.code)?.(failure, settings);
  if (known !== undefined) return known;
  if (/^HTTP_\d/.test(failure.code)) return "is --base-url right?";
  // Refusals of the gate have lower-case codes, those of the API upper-case ones.
  if (/^[a-z_]+$/.test(failure.code)) {
    return "the gate answered, not the API: is --base-url right?";
  }
  const realm = realmOf(settings.baseUrl);
  if (statusCode === 404 && realm !== null) {
    return `only objects in the realm ${realm} are visible; try another --realm, or none`;
  }
  return "";
}

function notLoggedIn(settings: Settings): string {
  const here = siteOf(settings.baseUrl);
  const { session, token, baseUrl = defaultBaseUrl } = settings.profile;
  const [what, kept] =
    token === undefined
      ? ["stored session", session?.baseUrl ?? here]
      : ["configured token", siteOf(parseBaseUrl(baseUrl))];
  const there = kept === here ? "" : ` (the ${what} is for ${safeText(kept)})`;
  return `log in with ${logIn}, or use --token${there}`;
}

const networkNext: Readonly<Record<NetworkErrorKind, string>> = {
  dns: "To call another API, use --base-url.",
  refused: "To call another API, use --base-url.",
  certificate: "NODE_EXTRA_CA_CERTS=FILE.pem makes this command trust another authority.",
  timeout: "",
  aborted: "",
  other: "",
};

/** Without the final period, so that text can follow. */
function sentence(message: string): string {
  return message.replace(/\.$/, "");
}
