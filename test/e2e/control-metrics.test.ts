// What the control plane counts, as Prometheus reads it: calls, logins, the database, events; and traces as examples.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { Api, loginAdmin, makePlace } from "../harness/client.ts";
import { startProgram, startUpstream } from "../harness/program.ts";
import { parsePrometheusText, sampleValue } from "../harness/prometheus-text.ts";

test("calls by method and code, logins by outcome, calls of the database and events are counted, and no name of a caller is a label", async () => {
  await using upstream = await startUpstream();
  await using program = await startProgram();
  const { urls } = program;
  const api = await loginAdmin(urls);
  await makePlace(api, urls, upstream.port);
  const wrong = { username: "nobody-at-all", password: "wrong-password" };
  await new Api(urls.rest).call("POST", "/users/auth/login", { body: wrong });
  await api.call("GET", `/projects/${"0".repeat(24)}`);
  const text = await (await fetch(`${urls.ops}/metrics`)).text();
  const families = parsePrometheusText(text);
  const value = (name: string, labels: Record<string, string>) =>
    sampleValue(families, name, labels);
  const count = (name: string, labels: Record<string, string>) =>
    families
      .get(name)
      ?.samples.find(
        (sample) =>
          sample.name === `${name}_count` &&
          Object.entries(labels).every(([label, text]) => sample.labels[label] === text),
      )?.value ?? 0;

  expect(value("realmgate_api_calls_total", { method: "Login", code: "OK" })).toBe(1);
  expect(value("realmgate_api_calls_total", { method: "Login", code: "INVALID_CREDENTIALS" })).toBe(
    1,
  );
  expect(
    value("realmgate_api_calls_total", { method: "GetProject", code: "PROJECT_NOT_FOUND" }),
  ).toBe(1);
  expect(count("realmgate_api_call_seconds", { method: "Login" })).toBe(2);
  expect(value("realmgate_logins_total", { outcome: "done" })).toBe(1);
  expect(value("realmgate_logins_total", { outcome: "wrong" })).toBe(1);
  expect(value("realmgate_store_calls_total", { kind: "read", outcome: "done" })).toBeGreaterThan(
    0,
  );
  expect(count("realmgate_store_seconds", { kind: "write" })).toBeGreaterThan(2);
  expect(value("realmgate_events_total", { kind: "project.created" })).toBe(1);
  expect(value("realmgate_events_total", { kind: "auth.session.created" })).toBe(1);
  expect(value("realmgate_events_lost_total", {})).toBe(0);
  expect(value("realmgate_disk_free_bytes", {})).toBeGreaterThan(0);
  expect(text).not.toContain("nobody-at-all");

  const documented = await Bun.file(join(import.meta.dir, "../../docs/operations.md")).text();
  const own = [...families.keys()].filter((name) => name.startsWith("realmgate_"));
  expect(own.filter((name) => !documented.includes(`| \`${name}\` |`))).toEqual([]);
}, 60_000);

test("who asks for OpenMetrics gets it, with the trace of a request in the bucket of its duration", async () => {
  await using upstream = await startUpstream();
  await using program = await startProgram();
  const { urls } = program;
  const place = await makePlace(await loginAdmin(urls), urls, upstream.port);
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const headers = {
    host: place.host("terminal-1"),
    traceparent: `00-${trace}-b7ad6b7169203331-01`,
  };
  expect((await fetch(urls.proxy, { headers })).status).toBe(200);
  const accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3";
  const answer = await fetch(`${urls.ops}/metrics`, { headers: { accept } });
  expect(answer.headers.get("content-type")).toStartWith("application/openmetrics-text");
  const text = await answer.text();
  expect(text).toMatch(
    new RegExp(`realmgate_upstream_head_seconds_bucket\\{.*\\} 1 # \\{trace_id="${trace}"\\}`),
  );
  expect(text.endsWith("# EOF\n")).toBe(true);
  const plain = await (await fetch(`${urls.ops}/metrics`)).text();
  expect(plain).not.toContain(trace);
}, 60_000);
