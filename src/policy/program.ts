/** Other names a program goes by, in host names and as permission keys (contract K2). */
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

/** 1 to 50 characters (contract G4). */
const PROGRAM_NAME = /^[a-z0-9][a-z0-9_-]{0,49}$/;

/**
 * The canonical program of a host slug or of a permission key: aliases are mapped, any other well-formed name is itself.
 * Undefined when the text is no program name; letter case is not folded here.
 */
export function canonicalProgram(name: string): string | undefined {
  return ALIASES.get(name) ?? (PROGRAM_NAME.test(name) ? name : undefined);
}
