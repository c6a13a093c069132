// Starting, as an operator meets it.
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startProgram } from "../harness/program.ts";

const root = resolve(import.meta.dir, "../..");

/** Runs the program with these flags until it ends by itself. */
async function run(flags: readonly string[], environment: Record<string, string> = {}) {
  const child = Bun.spawn([process.execPath, "src/main.ts", ...flags], {
    cwd: root,
    env: { PATH: process.env.PATH, ...environment },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, out, err };
}

const anyPorts = ["ops", "rest", "grpc", "proxy"].flatMap((name) => [
  `--${name}-listen`,
  "127.0.0.1:0",
]);

describe("a start that cannot be", () => {
  test("a second one on the same data says so", async () => {
    await using program = await startProgram();
    const { code, err } = await run(["serve", "--data-dir", program.dataDir, ...anyPorts]);
    expect(code).toBe(1);
    expect(err).toContain("realmgate.sqlite is in use by another realmgate");
  });

  test.each(["rest", "grpc", "proxy", "ops"])(
    "on an address that is taken names the setting (%s)",
    async (name) => {
      await using program = await startProgram();
      const { host } = new URL(program.urls.rest);
      const dataDir = join(program.dataDir, "other");
      const flags = ["serve", "--data-dir", dataDir, ...anyPorts, `--${name}-listen`, host];
      const { code, err } = await run(flags);
      expect(code).toBe(1);
      const setting = `REALMGATE_${name.toUpperCase()}_LISTEN`;
      expect(err).toContain(`realmgate: ${setting}: cannot listen on ${host}`);
    },
  );

  test("with wrong settings names each, and starts nothing", async () => {
    const { code, out, err } = await run(["serve", "--rest-listen", "8080", "--prot", "1"]);
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toContain("REALMGATE_REST_LISTEN must be ADDRESS:PORT");
    expect(err).toContain("--prot is not a flag");
  });
});

test("--help lists every setting", async () => {
  const { code, out } = await run(["serve", "--help"]);
  expect(code).toBe(0);
  expect(out).toContain("--trusted-proxies");
});

test("a variable that is no setting is reported; one of the command line is not", async () => {
  const environment = { REALMGATE_DATA_DIRR: "/tmp", REALMGATE_TOKEN: "hdy_token" };
  await using program = await startProgram({ environment });
  expect(program.log()).toContain("REALMGATE_DATA_DIRR");
  expect(program.log()).not.toMatch(/REALMGATE_TOKEN|hdy_token/);
});

test("what is written is for nobody else's eyes", async () => {
  await using program = await startProgram();
  for (const file of ["realmgate.sqlite", "realmgate.sqlite-wal", "secret.key"]) {
    expect({ file, mode: statSync(join(program.dataDir, file)).mode & 0o077 }).toEqual({
      file,
      mode: 0,
    });
  }
});

test("a key that came with wider permissions, from a backup say, is closed to others", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "realmgate-key-"));
  const key = join(dataDir, "secret.key");
  writeFileSync(key, randomBytes(32).toString("base64"), { mode: 0o644 });
  await using _program = await startProgram({ dataDir });
  expect(statSync(key).mode & 0o777).toBe(0o600);
});
