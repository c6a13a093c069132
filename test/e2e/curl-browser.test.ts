// What a real browser does with links of the curl program. Needs Chromium.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loginAdmin, makePlace, type Place } from "../harness/client.ts";
import { type Program, startProgram } from "../harness/program.ts";

const chromium = Bun.which("chromium");
if (chromium === null) console.warn("SKIPPED: what a browser does with calls needs chromium");

let program: Program;
let place: Place;
/** Paths that the container was asked for, as far as they say so. */
const seen: string[] = [];

/** A program that shows pages of somebody else's making. */
const pages = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request) {
    const { pathname } = new URL(request.url);
    seen.push(`${request.method} ${pathname}`);
    const page = { "content-type": "text/html", "set-cookie": "planted=1" };
    switch (pathname) {
      case "/hostile":
        return new Response(
          `<title>quiet</title><p id="shown">text</p><script>document.title = "ran"; fetch(${JSON.stringify(link("/stolen"))})</script>`,
          { headers: page },
        );
      case "/embedding": {
        const [image, frame, fetched] = ["/image", "/frame", "/fetched"].map(link);
        return new Response(
          `<title>embedding</title><img src="${image}"><iframe src="${frame}"></iframe>
          <script>fetch(${JSON.stringify(fetched)}, { mode: "no-cors", credentials: "include" })
            .then(() => fetch("/done"))</script>`,
          { headers: page },
        );
      }
      default:
        return new Response("text", { headers: { "content-type": "text/plain" } });
    }
  },
});

function link(path: string): string {
  const url = encodeURIComponent(`http://${place.host("terminal-1")}${path}`);
  return `${gate("curl-1")}/proxy?url=${url}&method=POST`;
}

function gate(name: string): string {
  return `http://${place.host(name)}:${new URL(program.urls.proxy).port}`;
}

beforeAll(async () => {
  if (chromium === null) return;
  program = await startProgram();
  place = await makePlace(await loginAdmin(program.urls), program.urls, pages.port ?? 0);
}, 30_000);

afterAll(async () => {
  await program?.[Symbol.asyncDispose]();
  await pages.stop(true);
});

/** The document after its scripts had time to run. */
async function opened(url: string): Promise<string> {
  const profile = mkdtempSync(join(tmpdir(), "realmgate-chromium-"));
  const browser = Bun.spawn(
    [
      chromium ?? "",
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--no-proxy-server",
      `--user-data-dir=${profile}`,
      "--virtual-time-budget=3000",
      "--dump-dom",
      url,
    ],
    { stdout: "pipe", stderr: "ignore" },
  );
  const text = await new Response(browser.stdout).text();
  await browser.exited;
  rmSync(profile, { recursive: true, force: true });
  return text;
}

test.skipIf(chromium === null)(
  "a link that is opened makes its call, and no script of the answer runs",
  async () => {
    const direct = await opened(`${gate("terminal-1")}/hostile`);
    expect(direct).toContain("<title>ran</title>");
    seen.length = 0;
    const called = await opened(link("/hostile"));
    expect(called).toContain('<p id="shown">text</p>');
    expect(called).toContain("<title>quiet</title>");
    expect(seen).toEqual(["POST /hostile"]);
  },
  60_000,
);

test.skipIf(chromium === null)(
  "a page cannot make calls behind its reader's back",
  async () => {
    seen.length = 0;
    await opened(`${gate("terminal-1")}/embedding`);
    expect(seen).toContain("GET /done");
    expect(seen.filter((request) => request.startsWith("POST"))).toEqual([]);
  },
  60_000,
);
