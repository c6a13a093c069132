// Settings that the runtime reads once, when the process starts.

/** Fetches at a time to programs over HTTPS: 256 unless it is set, and no more than this. */
const fetchesVariable = "BUN_CONFIG_MAX_HTTP_REQUESTS";
const fetchesMax = "65336";
/** Where the modules of a single-file executable are. */
const insideExecutable = "/$bunfs/";

/**
 * Replaces this process by one with the settings that the server needs: same process id, arguments, environment and open files.
 * Returns when it has them already, or where processes cannot be replaced; the gate then says what is limited.
 */
export function applyRuntimeSettings(): void {
  const { execve, env, execPath, execArgv, argv } = process;
  if (env[fetchesVariable] !== undefined || execve === undefined) return;
  const script = Bun.main.startsWith(insideExecutable) ? [] : [...execArgv, Bun.main];
  try {
    execve.call(process, execPath, [execPath, ...script, ...argv.slice(2)], {
      ...env,
      [fetchesVariable]: fetchesMax,
    });
  } catch {
    // Not permitted here.
  }
}
