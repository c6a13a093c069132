#!/usr/bin/env bun
// Picks the role: `serve` runs the gate, `connect` is a tunnel through one; every other word is a command for a gate that runs
// somewhere. Each role loads its own parts only: a command should not wait for a server's.

const interrupted = 130;

async function command(words: readonly string[]): Promise<number> {
  process.on("SIGINT", () => process.exit(interrupted));
  // `realmgate … | head`: whoever reads has had enough.
  process.stdout.on("error", () => process.exit(0));
  const { processIo } = await import("./cli/terminal/process-io.ts");
  const { run } = await import("./cli/run.ts");
  return run(words, processIo());
}

if (import.meta.main) {
  const [role, ...flags] = process.argv.slice(2);
  if (role === "serve") {
    const { serveRole } = await import("./roles/run-serve.ts");
    process.exit(await serveRole(flags));
  }
  if (role === "connect") {
    const { connectRole } = await import("./roles/connect.ts");
    process.exit(await connectRole(flags));
  }
  // Not process.exit: what is on its way into a pipe would be cut off.
  process.exitCode = await command(process.argv.slice(2));
}
