// The pages that people see, in a real browser on a telephone and on a desk, light and dark: refusals of both edges, and /docs.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { loginAdmin } from "../harness/client.ts";
import { freePort } from "../harness/free-port.ts";
import { type Program, startProgram } from "../harness/program.ts";

const executablePath = "/usr/bin/chromium";
const missing = !(await Bun.file(executablePath).exists());
if (missing) console.warn(`SKIPPED: there is no ${executablePath}, so no page is looked at`);
/** Where pictures go; unset: none are taken. */
const pictures = process.env.REALMGATE_PICTURES;
const startMsMax = 60_000;

let browser: Browser;
const programs = new Map<string, Program>();
const hosts = new Map<string, string>();
let port = 0;

beforeAll(async () => {
  if (missing) return;
  browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--host-resolver-rules=MAP *.localhost 127.0.0.1"],
  });
  // Nothing listens there any more.
  port = await freePort();
  for (const edge of ["wire", "serve"]) {
    const program = await startProgram({ environment: { REALMGATE_PROXY_EDGE: edge } });
    programs.set(edge, program);
    const api = await loginAdmin(program.urls);
    const project = await api.data("POST", "/projects", { body: { alias: "pages" } });
    const container = await api.data("POST", `/projects/${project.id}/containers`, {
      body: { name: "box", address: "127.0.0.1" },
    });
    hosts.set(edge, `${project.id}-${container.id}-http-${port}.local.containers.localhost`);
  }
}, startMsMax);

afterAll(async () => {
  await browser?.close();
  for (const program of programs.values()) await program[Symbol.asyncDispose]();
});

interface Look {
  readonly width: number;
  readonly colorScheme: "light" | "dark";
}

const looks: readonly Look[] = [
  { width: 390, colorScheme: "light" },
  { width: 390, colorScheme: "dark" },
  { width: 1280, colorScheme: "light" },
];

async function look(url: string, { width, colorScheme }: Look, name: string, ready = "h1") {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    // That the page itself is a refusal is no fault of it.
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) {
      complaints.push(message.text());
    }
  });
  await page.goto(url);
  await page.waitForSelector(ready);
  const seen = await page.evaluate(() => ({
    heading: document.querySelector("h1")?.textContent ?? "",
    text: document.querySelector("main")?.textContent ?? "",
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    background: getComputedStyle(document.body).backgroundColor,
    letters: getComputedStyle(document.body).fontSize,
  }));
  if (pictures !== undefined) {
    await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`) });
  }
  await context.close();
  return { ...seen, complaints };
}

describe.skipIf(missing).each(["wire", "serve"])("a refusal of the edge %s", (edge) => {
  test.each(looks)("is legible at %o", async (at) => {
    const { urls } = programs.get(edge) as Program;
    const proxyPort = new URL(urls.proxy).port;
    const url = `http://${hosts.get(edge)}:${proxyPort}/`;
    const seen = await look(url, at, `refusal-${edge}`);
    expect(seen.heading).toBe(`The app on port ${port} is not running`);
    expect(seen.text).toMatch(/give this number.*Number of this request: [0-9a-f]{24}/);
    expect(seen.overflow).toBe(0);
    expect(seen.letters).toBe("16px");
    expect(seen.background).toBe(
      at.colorScheme === "dark" ? "rgb(20, 24, 31)" : "rgb(247, 248, 250)",
    );
    expect(seen.complaints).toEqual([]);
  });

  test("of an address without anything says so, and fits a telephone", async () => {
    const { urls } = programs.get(edge) as Program;
    const url = `http://nothing-here.local.containers.localhost:${new URL(urls.proxy).port}/`;
    const seen = await look(url, { width: 390, colorScheme: "light" }, `nothing-${edge}`);
    expect(seen.heading).toBe("There is nothing at this address");
    expect([seen.overflow, seen.complaints]).toEqual([0, []]);
  });
});

test.skipIf(missing).each([390, 1280])(
  "/docs fits %d pixels",
  async (width) => {
    const { urls } = programs.get("wire") as Program;
    const url = `${urls.rest}/docs`;
    const seen = await look(url, { width, colorScheme: "light" }, "docs", ".opblock-tag-section");
    expect(seen.overflow).toBe(0);
    expect(seen.complaints).toEqual([]);
  },
  60_000,
);
