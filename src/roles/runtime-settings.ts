// Settings that the runtime reads once, when the process starts.

/** Those that are missing are set. */
const SETTINGS: Readonly<Record<string, string>> = {
  // Fetches at a time to programs over HTTPS: 256 unless it is set, and no more than this.
  BUN_CONFIG_MAX_HTTP_REQUESTS: "65336",
  // The allocator gives pages back that were free for 10 s instead of at once: a request that touches them again pays a page fault each.
  MIMALLOC_PURGE_HOLES: "0",
  MIMALLOC_PURGE_DELAY: "10000",
};

/** Where the modules of a single-file executable are. */
const insideExecutable = "/$bunfs/";

/**
 * Replaces this process by one with the settings that the server needs: same process id, arguments, environment and open files.
 * Returns when it has them already, or where processes cannot be replaced; the gate then says what is limited.
 */
export function applyRuntimeSettings(): void {
  const { execve, env, execPath, execArgv, argv } = process;
  if (Object.keys(SETTINGS).every((name) => env[name] !== undefined) || execve === undefined)
    return;
  const script = Bun.main.startsWith(insideExecutable) ? [] : [...execArgv, Bun.main];
  try {
    execve.call(process, execPath, [execPath, ...script, ...argv.slice(2)], {
      ...SETTINGS,
      ...env,
    });
  } catch {
    // Not permitted here.
  }
}
