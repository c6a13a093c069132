// What the people who run it see: /metrics, and the access log.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { loginAdmin, makePlace, through } from "../harness/client.ts";
import { type Program, startProgram, startUpstream } from "../harness/program.ts";
import { type Family, parsePrometheusText, sampleValue } from "../harness/prometheus-text.ts";
import { until } from "../harness/until.ts";

const root = resolve(import.meta.dir, "../..");
const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";

/** A program with a place on an upstream, let in by token or by network. */
async function stage(environment: Record<string, string> = {}) {
  const upstream = await startUpstream();
  const program = await startProgram({ environment });
  const place = await makePlace(await loginAdmin(program.urls), program.urls, upstream.port);
  await place.container.replace({
    groups: { partners: { type: "token", value: "token-abc-123", header: "X-Api-Token" } },
    permissions: { partners: { terminal: true } },
    default: "deny",
  });
  const ask = (path: string, token: string | null = "token-abc-123") =>
    through(program.urls, place.host("terminal-1"), {
      path,
      headers: {
        traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-01`,
        ...(token === null ? {} : { "x-api-token": token }),
      },
    });
  return {
    program,
    place,
    ask,
    async [Symbol.asyncDispose]() {
      await program[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

async function scrape({ urls }: Program): Promise<Map<string, Family>> {
  const response = await fetch(`${urls.ops}/metrics`);
  expect([response.status, response.headers.get("content-type")]).toEqual([
    200,
    "text/plain; version=0.0.4; charset=utf-8",
  ]);
  return parsePrometheusText(await response.text());
}

interface Line {
  readonly [field: string]: unknown;
}

function linesIn(text: string): Line[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** What is read, as soon as this many lines of the access log are among it. */
async function accessLines(read: () => string, count: number): Promise<Line[]> {
  return until(() => {
    const text = read();
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    const found = linesIn(whole).filter((line) => "durationMs" in line);
    return found.length >= count && found;
  }, `${count} lines of the access log`);
}

describe("GET /metrics", () => {
  test("counts what the proxy answered, and says what is enforced", async () => {
    const startedS = Math.floor(Date.now() / 1000);
    await using staged = await stage();
    const { program, ask, place } = staged;
    const before = await scrape(program);
    for (const token of ["token-abc-123", "token-abc-123", "wrong", null]) {
      await (await ask("/x", token)).text();
    }
    await (await through(program.urls, place.host("nobodys-1"))).text();
    const families = await scrape(program);
    const counted = (name: string, labels: Record<string, string>) =>
      sampleValue(families, name, labels) - sampleValue(before, name, labels);
    const requests = (program: string, reason: string) =>
      counted("realmgate_requests_total", { program, reason });
    expect(requests("terminal", "granted")).toBe(2);
    expect(requests("terminal", "unauthenticated")).toBe(2);
    expect(requests("other", "unauthenticated")).toBe(1);
    expect(
      counted("realmgate_upstream_responses_total", { program: "terminal", class: "2xx" }),
    ).toBe(2);
    expect(sampleValue(families, "realmgate_exchanges_open")).toBe(0);

    const labels = { version: packageJson.version, bun: Bun.version };
    expect(sampleValue(families, "realmgate_build_info", labels)).toBe(1);
    const revision = sampleValue(families, "realmgate_snapshot_revision");
    expect(revision).toBeGreaterThan(0);
    await place.container.write("PATCH", "/default", { default: "allow" });
    const after = await scrape(program);
    expect(sampleValue(after, "realmgate_snapshot_revision")).toBeGreaterThan(revision);
    const readAtS = sampleValue(after, "realmgate_feed_read_timestamp_seconds");
    expect(readAtS).toBeGreaterThanOrEqual(startedS);
    expect(readAtS).toBeLessThanOrEqual(Date.now() / 1000);
  });

  test("is for operators only: no other listener has it", async () => {
    await using program = await startProgram();
    expect((await fetch(`${program.urls.rest}/metrics`)).status).toBe(404);
    expect((await fetch(`${program.urls.proxy}/metrics`)).status).toBe(404);
    expect((await fetch(`${program.urls.ops}/metrics`, { method: "POST" })).status).toBe(404);
  });
});

describe("the access log", () => {
  const expected = (place: { projectId: string; containerId: string }) => ({
    client: "127.0.0.1",
    method: "GET",
    project: place.projectId,
    container: place.containerId,
    program: "terminal",
    instance: 1,
    traceId: TRACE_ID,
  });

  test("is off unless asked for; then refusals are in the log", async () => {
    await using staged = await stage();
    const response = await staged.ask("/x?secret=1", "wrong-token");
    await response.text();
    const requestId = response.headers.get("x-realmgate-request-id") ?? "?";
    await (await staged.ask("/x?secret=1")).text();
    const refused = linesIn(staged.program.log()).filter((line) => line.requestId === requestId);
    expect(refused).toMatchObject([{ reason: "unauthenticated", program: "terminal" }]);
    expect(staged.program.log()).not.toMatch(/secret|wrong-token|token-abc|durationMs/);
  });

  test("in a file: a line for each exchange, of everything but credentials and queries", async () => {
    const dir = mkdtempSync(join(tmpdir(), "realmgate-log-"));
    const path = join(dir, "access.log");
    try {
      await using staged = await stage({ REALMGATE_ACCESS_LOG: path });
      const { place, ask } = staged;
      const bytes = (await (await ask("/granted?secret=1")).text()).length;
      const refusal = await ask("/refused?secret=1", "wrong-token");
      await refusal.text();
      const requestId = refusal.headers.get("x-realmgate-request-id");
      const read = () => readFileSync(path, "utf8");
      expect(await accessLines(read, 2)).toMatchObject([
        {
          ...expected(place),
          path: "/granted",
          status: 200,
          reason: "granted",
          groups: ["partners"],
          bytes,
        },
        { ...expected(place), path: "/refused", status: 401, reason: "unauthenticated", requestId },
      ]);
      expect(read()).not.toMatch(/secret|wrong-token|token-abc/);
      expect(staged.program.log()).not.toMatch(/request refused/);
      expect(statSync(path).mode & 0o077).toBe(0);
      const families = await scrape(staged.program);
      expect(sampleValue(families, "realmgate_access_log_lines_total")).toBe(2);
      expect(sampleValue(families, "realmgate_access_log_lines_dropped_total")).toBe(0);

      renameSync(path, `${path}.1`);
      await until(async () => {
        await (await ask("/rotated")).text();
        return existsSync(path);
      }, "the log file is made anew");
      expect((await accessLines(read, 1))[0]).toMatchObject({ path: "/rotated" });
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test("on stderr: between the lines of the log, each of them whole", async () => {
    await using staged = await stage({ REALMGATE_ACCESS_LOG: "stderr" });
    for (let i = 0; i < 50; i++) await (await staged.ask(`/${i}`)).text();
    const found = await accessLines(staged.program.log, 50);
    expect(found.map(({ path }) => path)).toEqual(Array.from({ length: 50 }, (_, i) => `/${i}`));
  });

  test("loses nothing when the program is told to stop", async () => {
    const dir = mkdtempSync(join(tmpdir(), "realmgate-log-"));
    const path = join(dir, "access.log");
    try {
      await using staged = await stage({ REALMGATE_ACCESS_LOG: path });
      for (let i = 0; i < 20; i++) await (await staged.ask(`/${i}`)).text();
      process.kill(staged.program.pid, "SIGTERM");
      expect(await accessLines(() => readFileSync(path, "utf8"), 20)).toHaveLength(20);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test("that cannot be written stops the start, by the setting's name", async () => {
    const dir = mkdtempSync(join(tmpdir(), "realmgate-log-"));
    const flags = [
      "--data-dir",
      join(dir, "data"),
      "--access-log",
      join(dir, "none", "access.log"),
    ];
    const ports = ["ops", "rest", "grpc", "proxy"].flatMap((name) => [
      `--${name}-listen`,
      "127.0.0.1:0",
    ]);
    const child = Bun.spawn([process.execPath, "src/main.ts", "serve", ...flags, ...ports], {
      cwd: root,
      env: { PATH: process.env.PATH },
      stdout: "ignore",
      stderr: "pipe",
    });
    const printed = await new Response(child.stderr).text();
    expect(await child.exited).toBe(1);
    expect(printed).toContain("realmgate: REALMGATE_ACCESS_LOG: cannot write to");
    rmSync(dir, { recursive: true });
  });
});
