#!/usr/bin/env bun
// Picks the role: `serve` runs the gate; every other word is a command for a gate that runs somewhere.

const interrupted = 130;

/** Answers the exit code. Each role loads its own parts only: a command should not wait for a server's. */
async function main(args: readonly string[]): Promise<number> {
  const [role, ...flags] = args;
  if (role === "serve") return (await import("./serve-role.ts")).serveRole(flags);
  process.on("SIGINT", () => process.exit(interrupted));
  // `realmgate … | head`: whoever reads has had enough.
  process.stdout.on("error", () => process.exit(0));
  const { processIo } = await import("./cli/process-io.ts");
  const { run } = await import("./cli/run.ts");
  return run(args, processIo());
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
