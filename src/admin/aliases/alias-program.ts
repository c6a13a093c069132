// What aliases lead to: a program and an instance of it.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { canonicalProgram, kitInstanceMax, portMax, sshPort } from "../../policy/program.ts";

export interface AliasTarget {
  /** Canonical: the permission key. */
  readonly program: string;
  /** The port for http and https, 22 for ssh, else 1..9999. */
  readonly instance: number;
}

/** What a caller says of it. `http-3000` is a program with its port. */
export interface AskedTarget {
  readonly program: string;
  readonly port?: number | undefined;
  readonly index?: number | undefined;
}

/** Programs of containers. Any other well-formed name would be let through to nowhere. */
const kitPrograms: ReadonlySet<string> = new Set([
  "agent",
  "browser",
  "cdp",
  "cli",
  "code",
  "cron",
  "curl",
  "daemon",
  "desktop",
  "display",
  "exec",
  "files",
  "logs",
  "notes",
  "notifications",
  "pipe",
  "proxy",
  "run",
  "sqlite",
  "terminal",
  "tunnel",
  "watch",
]);

/** The port of a host that names none. */
const defaultPorts: ReadonlyMap<string, number> = new Map([
  ["http", 80],
  ["https", 443],
]);

const withPort = /^(https?|ssh)-([1-9]\d{0,4})$/;

/**
 * `kept`: what the alias leads to so far; its instance stays where a new program counts instances alike and nothing else is
 * said. Throws ApiError INVALID_ALIAS_PROGRAM.
 */
export function aliasTarget(asked: AskedTarget, kept: AliasTarget | null): AliasTarget {
  const [, named, digits] = withPort.exec(asked.program) ?? [];
  const embedded = digits === undefined ? undefined : Number(digits);
  const program = named ?? canonicalProgram(asked.program);
  if (program === undefined) throw unknownProgram();
  if (program === "ssh") {
    if (embedded !== undefined && embedded !== sshPort)
      throw refused("/program", "has no port but 22");
    return { program, instance: sshPort };
  }
  const defaultPort = defaultPorts.get(program);
  if (defaultPort === undefined && !kitPrograms.has(program)) throw unknownProgram();
  const fallback =
    kept !== null && countsAlike(kept.program, program) ? kept.instance : (defaultPort ?? 1);
  if (defaultPort === undefined) {
    const instance = asked.index ?? fallback;
    if (instance <= kitInstanceMax) return { program, instance };
    throw refused("/index", `must be at most ${kitInstanceMax}`);
  }
  if (embedded !== undefined && embedded > portMax) {
    throw refused("/program", `has a port above ${portMax}`);
  }
  return { program, instance: asked.port ?? embedded ?? asked.index ?? fallback };
}

/** Both by port, or both by number; ssh has one instance and keeps nobody's. */
function countsAlike(one: string, other: string): boolean {
  return one !== "ssh" && defaultPorts.has(one) === defaultPorts.has(other);
}

function unknownProgram(): ApiError {
  return refused("/program", "is no program that an alias can lead to");
}

function refused(instancePath: string, message: string): ApiError {
  return new ApiError(ErrorCode.INVALID_ALIAS_PROGRAM, [{ instancePath, message }]);
}
