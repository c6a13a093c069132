// The single-file executable, alone in a folder: what the README shows works with it, and nothing of the checkout is needed.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { $ } from "bun";
import { freePort } from "../harness/free-port.ts";
import { documents, promisedBy } from "../harness/markdown.ts";
import { paste, withAddresses } from "../harness/paste.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";

const root = resolve(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "realmgate-binary-"));
const binary = join(folder, "bin/realmgate");
const empty = join(folder, "empty");
let program: Program;

beforeAll(async () => {
  mkdirSync(empty);
  await $`${process.execPath} packaging/build-binary.ts ${binary}`.cwd(root).quiet();
  // Without the variable that it is to set for itself.
  const environment = { BUN_CONFIG_MAX_HTTP_REQUESTS: "", HOME: empty };
  program = await startProgram({
    command: ["env", "-u", "BUN_CONFIG_MAX_HTTP_REQUESTS", binary],
    cwd: empty,
    environment: { ...environment, REALMGATE_TRUSTED_PROXIES: "" },
  });
}, 60_000);

afterAll(async () => {
  await program?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

test("it knows its version and contains no path of the machine that built it", async () => {
  const { version } = await Bun.file(join(root, "package.json")).json();
  expect(await $`${binary} --version`.cwd(empty).text()).toBe(`${version}\n`);
  expect(Buffer.from(await Bun.file(binary).bytes()).includes(`${root}/`)).toBe(false);
});

test("it runs with the runtime's settings that the gate needs, in the same process", async () => {
  const environment = await Bun.file(`/proc/${program.pid}/environ`).text();
  expect(environment.split("\0")).toContain("BUN_CONFIG_MAX_HTTP_REQUESTS=65336");
  expect(program.log()).not.toContain("BUN_CONFIG_MAX_HTTP_REQUESTS");
});

test("the commands of the README do what they say", async () => {
  const readme = (await documents()).find(({ path }) => path === "README.md");
  const script = (readme?.blocks ?? [])
    .filter(({ language, notRun }) => language === "sh" && notRun === null)
    .map(({ text }) => text)
    .join("\n")
    .replace(/^realmgate\(\) .*$/m, `realmgate() { '${binary}' "$@"; }`)
    .replaceAll("3000", String(freePort()));
  expect(script).toContain(binary);
  const text = withAddresses(`PASSWORD='${adminPassword}'\n${script}`, program.urls);
  const promised = promisedBy(script);
  const { printed, complaints, exitCode } = await paste(text, empty);
  expect({ exitCode, complaints }).toMatchObject({ exitCode: 0 });
  expect(promised.length).toBeGreaterThan(1);
  expect(printed.filter((line) => promised.includes(line))).toEqual(promised);
}, 60_000);

test("the page of the API comes with it", async () => {
  const sizes = ["docs", "docs/swagger-ui-bundle.js", "docs/swagger-ui.css", "openapi.json"].map(
    async (path) => {
      const response = await fetch(`${program.urls.rest}/${path}`);
      return [response.status, (await response.bytes()).length > 500];
    },
  );
  expect(await Promise.all(sizes)).toEqual(Array(4).fill([200, true]));
  expect(await (await fetch(`${program.urls.rest}/docs/swagger-ui-bundle.js`)).text()).toContain(
    "SwaggerUIBundle",
  );
});

test("nothing is written where it ran", () => {
  expect(readdirSync(empty)).toEqual([]);
});
