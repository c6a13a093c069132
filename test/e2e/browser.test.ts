// A person in a real browser: opens a shell, a notebook, files and a stream of events through the gate, and loses access.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { startBrowserUpstream } from "../harness/browser-upstream.ts";
import { Document, enforced, loginAdmin, type Place } from "../harness/client.ts";
import { type Program, startProgram } from "../harness/program.ts";

const executablePath = "/usr/bin/chromium";
const missing = !(await Bun.file(executablePath).exists());
if (missing) {
  console.warn(`SKIPPED: there is no ${executablePath}, so no real browser goes through the gate`);
}
/** Chromium takes its time where others are busy, too. */
const startMsMax = 60_000;
const testMsMax = 60_000;
const waitMs = 15_000;

const PROGRAMS = ["terminal", "code", "files", "logs"] as const;
const OPEN = {
  groups: { here: { type: "ip", range: "127.0.0.0/8" } },
  permissions: { here: Object.fromEntries(PROGRAMS.map((program) => [program, true])) },
  default: "deny",
};
const SHUT = { groups: {}, permissions: {}, default: "deny" };

let program: Program;
let browser: Browser;
let context: BrowserContext;
let upstream: ReturnType<typeof startBrowserUpstream>;
let place: Pick<Place, "container" | "host">;

beforeAll(async () => {
  if (missing) return;
  upstream = startBrowserUpstream();
  program = await startProgram();
  const api = await loginAdmin(program.urls);
  const project = await api.data("POST", "/projects/", { body: { alias: "browser" } });
  const programs = Object.fromEntries(PROGRAMS.map((name) => [name, { port: upstream.port }]));
  const body = { name: "box", address: "127.0.0.1", programs };
  const answer = await api.call("POST", `/projects/${project.id}/containers`, { body });
  await enforced(program.urls, answer);
  const { id } = answer.body.data;
  place = {
    container: new Document(api, program.urls, "containers", id),
    host: (name) => `${project.id}-${id}-${name}.local.containers.localhost`,
  };
  browser = await chromium.launch({
    executablePath,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
    ],
  });
  context = await browser.newContext();
  context.setDefaultTimeout(waitMs);
}, startMsMax);

afterAll(async () => {
  if (missing) return;
  await browser?.close();
  await program?.[Symbol.asyncDispose]();
  await upstream?.stop();
});

async function open(name: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`http://${place.host(name)}:${new URL(program.urls.proxy).port}/`);
  return page;
}

async function says(page: Page, id: string, text: string): Promise<void> {
  await page.locator(`#${id}`, { hasText: text }).waitFor();
}

async function type(page: Page, line: string): Promise<void> {
  await page.fill("#line", line);
  await page.press("#line", "Enter");
}

describe.skipIf(missing)("in a browser", () => {
  test(
    "a shell, a notebook, files and events work, and end when access is lost",
    async () => {
      await place.container.replace(OPEN);
      const [shell, notebook, files, events] = await Promise.all([
        open("terminal-1"),
        open("code-1"),
        open("files-1"),
        open("logs-1"),
      ]);

      await says(shell, "state", "open kit");
      await type(shell, "echo answer: $((6 * 7)) in $(ls)");
      await says(shell, "out", "answer: 42 in notes.txt");
      await says(notebook, "state", "open kit");
      await type(notebook, "print('👋')");
      await says(notebook, "out", "print('👋')");
      await files.click("text=notes.txt");
      expect(await files.textContent("body")).toContain("some notes");
      await says(events, "out", "tick 3");

      await place.container.replace(SHUT);
      await says(shell, "state", "closed 1008 access ended");
      await says(notebook, "state", "closed 1008 access ended");
      // The stream was reset; the browser came back by itself and was refused.
      await events.waitForFunction(() => document.getElementById("state")?.textContent !== "open");
      await says(events, "state", "closed");
      const again = await files.reload();
      expect(again?.status()).toBe(403);
      const log = await (await fetch(`${program.urls.ops}/metrics`)).text();
      expect(log).toMatch(/^realmgate_websockets_open 0$/m);
      expect(log).toMatch(/^realmgate_websockets_total 2$/m);
    },
    testMsMax,
  );
});
