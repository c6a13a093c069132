// An exchange log whose file cannot be opened: the gate runs, operators see it, and it is back without a restart.
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loginAdmin, makePlace } from "../harness/client.ts";
import { startProgram, startUpstream } from "../harness/program.ts";
import { parsePrometheusText, sampleValue } from "../harness/prometheus-text.ts";
import { until } from "../harness/until.ts";

test.each(["0", "2"])(
  "with %s gate processes it is named in /healthz and a metric, and opened again",
  async (workers) => {
    const dataDir = mkdtempSync(join(tmpdir(), "realmgate-"));
    const path = join(dataDir, "exchanges.sqlite");
    mkdirSync(path);
    await using upstream = await startUpstream();
    await using program = await startProgram({
      dataDir,
      environment: { REALMGATE_WORKERS: workers },
    });
    const { urls } = program;
    const isUp = async () => {
      const text = await (await fetch(`${urls.ops}/metrics`)).text();
      return sampleValue(parsePrometheusText(text), "realmgate_exchange_log_up");
    };
    const health = async () => (await fetch(`${urls.ops}/healthz`)).json();
    const problem = /^the exchange log cannot be written \(.+\): who accessed what is not kept$/;
    expect(await health()).toMatchObject({
      status: "degraded",
      problems: [expect.stringMatching(problem)],
    });
    expect(await isUp()).toBe(0);
    expect(program.log()).toContain("exchange log cannot be opened");

    const api = await loginAdmin(urls);
    const place = await makePlace(api, urls, upstream.port);
    const ask = () => fetch(urls.proxy, { headers: { host: place.host("terminal-1") } });
    expect((await ask()).status).toBe(200);
    const logs = `/containers/${place.containerId}/proxy/logs`;
    expect(await api.call("GET", logs)).toMatchObject({
      status: 503,
      body: { code: "EXCHANGE_LOG_UNAVAILABLE" },
    });

    rmdirSync(path);
    await until(async () => (await isUp()) === 1, "it is open");
    expect(await health()).toMatchObject({ status: "ok", problems: [] });
    await ask();
    const { entries } = await api.data("GET", logs);
    expect(entries.length).toBeGreaterThan(0);
  },
  60_000,
);
