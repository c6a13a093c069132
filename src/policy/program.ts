/** Aliases of programs, in host names and as permission keys. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["kv", "sqlite"],
  ["db", "sqlite"],
  ["note", "notes"],
  ["tun", "tunnel"],
  ["n", "notifications"],
  ["notification-server", "notifications"],
  ["proxy-logs", "logs"],
  ["hoody-daemon", "daemon"],
  ["workspaces", "agent"],
  ["workspace", "agent"],
  ["app", "run"],
]);

/** The largest port: the instance of a program that is named by its port. */
export const portMax = 65_535;
/** The largest instance of any other program. */
export const kitInstanceMax = 9_999;
export const sshPort = 22;

const BY_PORT: ReadonlySet<string> = new Set(["http", "https", "ssh"]);

/** 1 to 50 characters, no upper case. */
const PROGRAM_NAME = /^[a-z0-9][a-z0-9_-]{0,49}$/;

/**
 * The canonical program of a host slug or of a permission key: aliases are mapped, any other well-formed name is itself.
 * Undefined when the text is not a program name; letter case is not folded here.
 */
export function canonicalProgram(name: string): string | undefined {
  return ALIASES.get(name) ?? (PROGRAM_NAME.test(name) ? name : undefined);
}

/** Whether the instance of this canonical program is the port itself; the container cannot say where it listens. */
export function isByPort(program: string): boolean {
  return BY_PORT.has(program);
}
