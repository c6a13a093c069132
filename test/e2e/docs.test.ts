// GET /docs of a running program: a page that shows the API, made of our own files alone.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { browserPath, openPage } from "../harness/browser.ts";
import { type Program, startProgram } from "../harness/program.ts";

/** A program starts, a browser draws; the machine may be busy. */
const drawnMsMax = 60_000;

let program: Program;

beforeAll(async () => {
  program = await startProgram();
}, drawnMsMax);

afterAll(() => program[Symbol.asyncDispose]());

const get = (path: string, init: RequestInit = {}) => fetch(`${program.urls.rest}${path}`, init);

describe("the page", () => {
  test("and everything that it names is ours, with a strict policy", async () => {
    const response = await get("/docs");
    expect(response.status).toBe(200);
    const html = await response.text();
    const named = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url]) => url ?? "");
    expect(named.length).toBe(6);
    for (const url of named) {
      expect(url).toMatch(/^\/[^/]/);
      const asset = await get(url);
      expect([url, asset.status]).toEqual([url, 200]);
      expect((await asset.bytes()).length).toBeGreaterThan(100);
      if (url === "/openapi.json") continue;
      const policy = asset.headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self';");
      expect(policy).not.toMatch(/https?:|\*|unsafe-/);
      expect(asset.headers.get("x-content-type-options")).toBe("nosniff");
    }
  });

  test("is the same with a slash at its end, and to HEAD", async () => {
    expect(await (await get("/docs/")).text()).toBe(await (await get("/docs")).text());
    const head = await get("/docs", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  test("is where the root of the API sends a browser", async () => {
    for (const method of ["GET", "HEAD"]) {
      const root = await get("/", { method, redirect: "manual" });
      expect([root.status, root.headers.get("location")]).toEqual([302, "/docs"]);
    }
    expect((await get("/", { method: "POST" })).status).toBe(404);
  });

  test("is not sent again to who has it", async () => {
    const etag = (await get("/docs/swagger-ui.css")).headers.get("etag") ?? "";
    const again = await get("/docs/swagger-ui.css", { headers: { "if-none-match": etag } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
  });

  test("is packed only for who takes that", async () => {
    for (const [accepted, encoding] of [
      ["gzip, br", "gzip"],
      ["identity", null],
      ["gzip;q=0", null],
      ["br, gzip;q=0.5", "gzip"],
    ] as const) {
      const headers = { "accept-encoding": accepted };
      const response = await get("/docs/start.js", { headers });
      expect(response.headers.get("content-encoding")).toBe(encoding);
      expect(await response.text()).toContain("SwaggerUIBundle");
    }
  });

  test("takes no other method, and nothing beside its files", async () => {
    expect((await get("/docs", { method: "POST" })).status).toBe(405);
    for (const path of ["/docs/index.html", "/docs/..%2Fpackage.json", "/docs/swagger-ui.js"]) {
      expect([path, (await get(path)).status]).toEqual([path, 404]);
    }
  });
});

if (browserPath === null) console.warn("no browser here: /docs is not looked at in one");

test.skipIf(browserPath === null)(
  "a browser shows every operation, asks no other host, stores nothing, and finds nothing to complain of",
  async () => {
    const { rest } = program.urls;
    await using page = await openPage(`${rest}/docs`);
    await page.until("document.querySelectorAll('.opblock-tag-section').length > 10", drawnMsMax);
    await page.evaluate(
      "document.querySelectorAll('.opblock-tag-section:not(.is-open) .opblock-tag').forEach((tag) => tag.click())",
    );
    const document = (await (await get("/openapi.json")).json()) as {
      paths: Record<string, Record<string, { summary: string }>>;
    };
    // PUT and PATCH of the same are one.
    const operations = Object.values(document.paths).flatMap((item) =>
      Object.keys(item).filter(
        (verb) => verb !== "patch" || item.put?.summary !== item.patch?.summary,
      ),
    ).length;
    await page.until(`document.querySelectorAll('.opblock').length === ${operations}`, drawnMsMax);
    expect(await page.evaluate("document.querySelectorAll('.operation-filter-input').length")).toBe(
      1,
    );
    const shown = String(await page.evaluate("document.body.innerText"));
    expect(shown).toContain("/api/v1/containers/{id}/proxy/explain");
    expect(
      page.asked.filter((url) => !url.startsWith(`${rest}/`) && !url.startsWith("data:")),
    ).toEqual([]);
    expect(page.asked).toContain(`${rest}/docs/openapi.json`);
    expect(page.complaints).toEqual([]);
    expect(await page.evaluate("localStorage.length + sessionStorage.length")).toBe(0);
    expect(await page.evaluate("document.cookie")).toBe("");
  },
  3 * drawnMsMax,
);
