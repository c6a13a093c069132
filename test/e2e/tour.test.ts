// The README's tour, pasted into a shell as it stands; only addresses and the password are this run's.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";

const root = resolve(import.meta.dir, "../..");
const readme = await Bun.file(join(root, "README.md")).text();

/** What stands in code blocks from one heading to another. */
function scriptOf(from: string, to: string): string {
  const section = readme.slice(readme.indexOf(`## ${from}`), readme.indexOf(`## ${to}`));
  return [...section.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block).join("\n");
}

function promisedBy(script: string): string[] {
  return [...script.matchAll(/^# → (.*)$/gm)].map(([, line = ""]) => line);
}

const missing = ["bash", "curl", "node"].filter((tool) => Bun.which(tool) === null);
if (missing.length > 0) console.warn(`SKIPPED: the tour needs ${missing.join(", ")}`);

let program: Program;

beforeAll(async () => {
  program = await startProgram({ environment: { REALMGATE_TRUSTED_PROXIES: "" } });
});

afterAll(() => program[Symbol.asyncDispose]());

test.skipIf(missing.length > 0)(
  "the tour prints what it promises",
  async () => {
    const script = scriptOf("Tour", "The command line");
    const promised = promisedBy(script);
    expect(promised.length).toBeGreaterThan(8);
    const { printed } = await paste(script, {
      "http://127.0.0.1:8080": program.urls.rest,
      "containers.localhost:8000": `containers.localhost:${new URL(program.urls.proxy).port}`,
      "the-one-that-the-first-start-printed": `'${adminPassword}'`,
      "PORT=3000": `PORT=${freePort()}`,
    });
    expect(printed).toEqual(promised);
  },
  60_000,
);

test.skipIf(missing.length > 0)(
  "the command line does what it says, and prints what it promises",
  async () => {
    const script = scriptOf("The command line", "One request");
    const promised = promisedBy(script);
    expect(promised.length).toBe(2);
    const { printed, complaints, exitCode } = await paste(
      `set -e\nPASSWORD='${adminPassword}'\n${script}`,
      {
        "http://localhost:8080": `http://localhost:${new URL(program.urls.rest).port}`,
      },
    );
    expect({ exitCode, complaints: exitCode === 0 ? "" : complaints }).toEqual({
      exitCode: 0,
      complaints: "",
    });
    expect(printed.filter((line) => promised.includes(line))).toEqual(promised);
  },
  60_000,
);

/** Runs it as a person would in the checkout, with these texts in place of those; what it prints, without empty lines. */
async function paste(script: string, replacements: Readonly<Record<string, string>>) {
  let pasted = script;
  for (const [from, to] of Object.entries(replacements)) {
    expect(pasted).toContain(from);
    pasted = pasted.replaceAll(from, to);
  }
  const home = mkdtempSync(join(tmpdir(), "realmgate-home-"));
  try {
    // Job control, so that `kill %1` means what it means in a terminal.
    const shell = Bun.spawn(["bash", "-m"], {
      cwd: root,
      env: { HOME: home, PATH: `${dirname(process.execPath)}:${process.env.PATH}` },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    shell.stdin.write(pasted);
    await shell.stdin.end();
    const [printed, complaints, exitCode] = await Promise.all([
      new Response(shell.stdout).text(),
      new Response(shell.stderr).text(),
      shell.exited,
    ]);
    return { printed: printed.split("\n").filter((line) => line !== ""), complaints, exitCode };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** A port that was free a moment ago: the tour's own program has to be told one. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
