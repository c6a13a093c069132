#!/usr/bin/env bun
// Chooses the role: `serve` runs the gate, `control`, `proxy` and `gateway` parts of it in processes of their own, `connect` opens a tunnel through one, `backup` and its like look after the data, anything
// else is a command for the API of a running gate. Each role imports only its own modules, so that commands start fast.

import { WORKER_ROLE } from "./workers/worker-role.ts";

const interrupted = 130;
const careRoles: ReadonlySet<string> = new Set(["backup", "restore", "doctor", "rotate-key"]);

async function command(words: readonly string[]): Promise<number> {
  process.on("SIGINT", () => process.exit(interrupted));
  // `realmgate … | head`: the reader has closed the pipe.
  process.stdout.on("error", () => process.exit(0));
  const { processIo } = await import("./cli/terminal/process-io.ts");
  const { run } = await import("./cli/run.ts");
  return run(words, processIo());
}

if (import.meta.main) {
  const [role, ...flags] = process.argv.slice(2);
  if (role === "serve") {
    const { applyRuntimeSettings } = await import("./roles/runtime-settings.ts");
    applyRuntimeSettings();
    const { serveRole } = await import("./roles/run-serve.ts");
    process.exit(await serveRole(flags));
  }
  // `proxy create` and its siblings are documented commands: aliases of containers.
  const isCommand = role === "proxy" && flags[0] !== undefined && !flags[0].startsWith("-");
  if (role === "control" || role === "gateway" || (role === "proxy" && !isCommand)) {
    const { applyRuntimeSettings } = await import("./roles/runtime-settings.ts");
    applyRuntimeSettings();
    const { nodeRole } = await import("./roles/run-node.ts");
    process.exit(await nodeRole(role, flags));
  }
  // Hidden: a gate process of `serve`, which starts it.
  if (role === WORKER_ROLE) {
    const { gateWorkerRole } = await import("./roles/gate-worker.ts");
    process.exit(await gateWorkerRole());
  }
  if (role === "admin") {
    const { adminRole } = await import("./roles/admin.ts");
    process.exit(await adminRole(flags));
  }
  if (role !== undefined && careRoles.has(role)) {
    const { careRole } = await import("./roles/care.ts");
    process.exit(await careRole(role, flags));
  }
  if (role === "connect") {
    const { connectRole } = await import("./roles/connect.ts");
    process.exit(await connectRole(flags));
  }
  // Not process.exit, which would cut off output that is still being written to a pipe.
  process.exitCode = await command(process.argv.slice(2));
}
