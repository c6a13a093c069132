// The README's tour, pasted into a shell as it stands; only addresses and the password are this run's.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { resolve } from "node:path";
import { adminPassword, type Program, startProgram } from "./program.ts";

const readme = await Bun.file(resolve(import.meta.dir, "../../README.md")).text();
const tour = readme.slice(readme.indexOf("## Tour"), readme.indexOf("## One request"));
const script = [...tour.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block).join("\n");
const promised = [...script.matchAll(/^# → (.*)$/gm)].map(([, line]) => line);

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
    expect(promised.length).toBeGreaterThan(8);
    const proxy = new URL(program.urls.proxy);
    const replacements = {
      "http://127.0.0.1:8080": program.urls.rest,
      "containers.localhost:8000": `containers.localhost:${proxy.port}`,
      "the-one-that-the-first-start-printed": `'${adminPassword}'`,
      "PORT=3000": `PORT=${freePort()}`,
    };
    let pasted = script;
    for (const [from, to] of Object.entries(replacements)) {
      expect(pasted).toContain(from);
      pasted = pasted.replaceAll(from, to);
    }
    // Job control, so that `kill %1` means what it means in a terminal.
    const shell = Bun.spawn(["bash", "-m"], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    shell.stdin.write(pasted);
    await shell.stdin.end();
    const printed = await new Response(shell.stdout).text();
    const lines = printed.split("\n").filter((line) => line !== "");
    expect(lines).toEqual(promised as string[]);
  },
  60_000,
);

/** A port that was free a moment ago: the tour's own program has to be told one. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
