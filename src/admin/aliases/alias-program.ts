// The target of an alias: a program and an instance of it.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { canonicalProgram, kitInstanceMax, portMax, sshPort } from "../../policy/program.ts";

export interface AliasTarget {
  /** Canonical: the permission key. */
  readonly program: string;
  /** The port for http and https, 22 for ssh, otherwise 1..9999. */
  readonly instance: number;
}

/** The target as requested. `program` may contain the port: `http-3000`. */
export interface RequestedTarget {
  readonly program: string;
  readonly port?: number | undefined;
  readonly index?: number | undefined;
}

/** Programs of containers. An alias for any other name would lead nowhere. */
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

/** The port of a host without an explicit one. */
const defaultPorts: ReadonlyMap<string, number> = new Map([
  ["http", 80],
  ["https", 443],
]);

const withPort = /^(https?|ssh)-([1-9]\d{0,4})$/;

/**
 * `kept`: the present target of the alias. Its instance stays when the request names none and the new program numbers its
 * instances in the same way. Throws ApiError INVALID_ALIAS_PROGRAM.
 */
export function aliasTarget(asked: RequestedTarget, kept: AliasTarget | null): AliasTarget {
  const [, named, digits] = withPort.exec(asked.program) ?? [];
  const embedded = digits === undefined ? undefined : Number(digits);
  const program = named ?? canonicalProgram(asked.program);
  if (program === undefined) throw unknownProgram();
  if (program === "ssh") {
    if (embedded !== undefined && embedded !== sshPort)
      throw invalidTarget("/program", "must have port 22");
    return { program, instance: sshPort };
  }
  const defaultPort = defaultPorts.get(program);
  if (defaultPort === undefined && !kitPrograms.has(program)) throw unknownProgram();
  const fallback =
    kept !== null && numbersAlike(kept.program, program) ? kept.instance : (defaultPort ?? 1);
  if (defaultPort === undefined) {
    const instance = asked.index ?? fallback;
    if (instance <= kitInstanceMax) return { program, instance };
    throw invalidTarget("/index", `must be at most ${kitInstanceMax}`);
  }
  if (embedded !== undefined && embedded > portMax) {
    throw invalidTarget("/program", `must have a port of at most ${portMax}`);
  }
  return { program, instance: asked.port ?? embedded ?? asked.index ?? fallback };
}

/** Whether both number their instances by port, or both by index. ssh has a single instance and never keeps one. */
function numbersAlike(one: string, other: string): boolean {
  return one !== "ssh" && defaultPorts.has(one) === defaultPorts.has(other);
}

function unknownProgram(): ApiError {
  return invalidTarget("/program", "is not a program that an alias can target");
}

function invalidTarget(instancePath: string, message: string): ApiError {
  return new ApiError(ErrorCode.INVALID_ALIAS_PROGRAM, [{ instancePath, message }]);
}
