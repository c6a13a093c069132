// Commands of the documents, pasted into a shell as a person would, with the addresses of this run.
import { expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { freePort } from "./free-port.ts";
import { adminPassword, type Urls } from "./program.ts";

/** The text with this run's addresses; none of a gate that a person may run here is left. */
export function withAddresses(text: string, { rest, grpc, proxy, ops }: Urls): string {
  const port = (url: string) => new URL(url).port;
  const replaced = text
    .replaceAll("http://127.0.0.1:8080", rest)
    .replaceAll("http://localhost:8080", `http://localhost:${port(rest)}`)
    .replaceAll("containers.localhost:8000", `containers.localhost:${port(proxy)}`)
    .replaceAll("http://127.0.0.1:9090", ops)
    .replaceAll("http://127.0.0.1:50051", grpc)
    .replaceAll("the-one-that-the-first-start-printed", `'${adminPassword}'`)
    .replaceAll("PORT=3000", `PORT=${freePort()}`);
  expect(replaced).not.toMatch(/:(8080|8000|9090|50051)\b/);
  return replaced;
}

/** Runs a script in this folder; what it prints, without empty lines. What it started ends with it. */
export async function paste(script: string, cwd: string) {
  const home = mkdtempSync(join(tmpdir(), "realmgate-home-"));
  try {
    // Job control, so that `kill %1` means what it means in a terminal.
    const child = Bun.spawn(["bash", "-m"], {
      cwd,
      env: { HOME: home, PATH: `${dirname(process.execPath)}:${process.env.PATH}` },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    child.stdin.write(`set -e\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n${script}\n`);
    await child.stdin.end();
    const [printed, complaints, exitCode] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { printed: printed.split("\n").filter((line) => line !== ""), complaints, exitCode };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
