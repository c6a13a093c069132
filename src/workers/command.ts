// How this program starts itself once more.

/** Where the modules of a single-file executable are. */
const insideExecutable = "/$bunfs/";

/** The command line before the role: from the sources, from the bundle, or the single-file executable. */
export function ownCommand(): readonly string[] {
  if (import.meta.path.startsWith(insideExecutable)) return [process.execPath];
  const main = import.meta.path.endsWith(".ts") ? "../main.ts" : "./main.js";
  return [process.execPath, Bun.fileURLToPath(new URL(main, import.meta.url))];
}
