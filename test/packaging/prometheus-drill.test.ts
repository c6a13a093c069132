// A real Prometheus scrapes a real gate: the dashboard's queries answer, rules load, and an alert fires when the gate is gone.
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Api, loginAdmin, makePlace } from "../harness/client.ts";
import { freePort } from "../harness/free-port.ts";
import { startProgram, startUpstream } from "../harness/program.ts";
import { until } from "../harness/until.ts";

const deploy = resolve(import.meta.dir, "../../deploy");
const prometheus = "/usr/bin/prometheus";
const missing = !existsSync(prometheus);
if (missing) console.warn(`SKIPPED: there is no ${prometheus}, so no dashboard meets a real one`);
const boundMs = 60_000;

interface Answer {
  readonly status: string;
  // biome-ignore lint/suspicious/noExplicitAny: Prometheus' own shapes.
  readonly data: any;
}

test.skipIf(missing)(
  "every query of the dashboard is answered, most with data, and RealmgateDown fires when the gate is gone",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "realmgate-prometheus-"));
    await using upstream = await startUpstream();
    const gate = await startProgram();
    const port = await freePort();
    // As they are, except that nobody waits for minutes here.
    const rules = readFileSync(join(deploy, "prometheus/realmgate.rules.yml"), "utf8");
    writeFileSync(join(folder, "rules.yml"), rules.replaceAll(/for: \d+[mh]/g, "for: 1s"));
    const target = new URL(gate.urls.ops).host;
    writeFileSync(
      join(folder, "prometheus.yml"),
      `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [rules.yml]
scrape_configs:
  - job_name: realmgate
    static_configs: [{ targets: ["${target}"] }]
`,
    );
    const child = Bun.spawn(
      [
        prometheus,
        `--config.file=${join(folder, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
        "--enable-feature=exemplar-storage",
      ],
      { stdout: "ignore", stderr: "ignore" },
    );
    const ask = async (path: string, query: Record<string, string> = {}): Promise<Answer> => {
      const url = `http://127.0.0.1:${port}/api/v1/${path}?${new URLSearchParams(query)}`;
      return (await fetch(url)).json();
    };
    const values = async (expr: string): Promise<unknown[]> =>
      (await ask("query", { query: expr })).data.result;
    try {
      const api = await loginAdmin(gate.urls);
      const place = await makePlace(api, gate.urls, upstream.port);
      const isUp = async () => {
        const up = await values('up{job="realmgate"} == 1').catch(() => []);
        return up.length === 1;
      };
      await until(isUp, "Prometheus has scraped the gate", boundMs);
      const headers = {
        host: place.host("terminal-1"),
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      };
      const wrong = { username: "admin", password: "wrong-password" };
      const work = async () => {
        await fetch(gate.urls.proxy, { headers });
        await new Api(gate.urls.rest).call("GET", "/projects");
        await new Api(gate.urls.rest).call("POST", "/users/auth/login", { body: wrong });
      };
      const busy = async () => {
        await work();
        return (await values("rate(realmgate_requests_total[10s]) > 0")).length > 0;
      };
      await until(busy, "a rate is there", boundMs);

      const dashboard = JSON.parse(readFileSync(join(deploy, "grafana/realmgate.json"), "utf8"));
      const queries: string[] = dashboard.panels.flatMap(
        ({ targets }: { readonly targets: { expr: string }[] }) => targets.map(({ expr }) => expr),
      );
      const empty: string[] = [];
      for (const query of queries) {
        const expr = query.replaceAll("$instance", ".*").replaceAll("$__rate_interval", "30s");
        const answer = await ask("query", { query: expr });
        expect([expr, answer.status]).toEqual([expr, "success"]);
        if (answer.data.result.length === 0) empty.push(expr);
      }
      // Nothing was revoked, and there is no listener with TLS.
      expect(empty.filter((expr) => !/revocations|tls_certificate/.test(expr))).toEqual([]);

      const loaded = (await ask("rules")).data.groups.flatMap(
        ({ rules: of }: { readonly rules: { health: string; name: string }[] }) => of,
      );
      expect(loaded.length).toBeGreaterThan(10);
      expect(loaded.filter(({ health }: { readonly health: string }) => health === "err")).toEqual(
        [],
      );
      const exemplars = await ask("query_exemplars", {
        query: "realmgate_request_head_seconds_bucket",
        start: String(Date.now() / 1000 - 300),
        end: String(Date.now() / 1000 + 60),
      });
      expect(JSON.stringify(exemplars.data)).toContain("0af7651916cd43dd8448eb211c80319c");

      await gate.kill();
      const fires = async () =>
        (await ask("alerts")).data.alerts.some(
          ({ labels, state }: { readonly labels: { alertname: string }; readonly state: string }) =>
            labels.alertname === "RealmgateDown" && state === "firing",
        );
      await until(fires, "RealmgateDown fires", boundMs);
    } finally {
      child.kill();
      await child.exited;
      await gate[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    }
  },
  4 * boundMs,
);
