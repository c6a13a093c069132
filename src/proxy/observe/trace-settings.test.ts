import { describe, expect, test } from "bun:test";
import { readTraceCollector } from "./trace-settings.ts";

function read(environment: Record<string, string>) {
  const problems: string[] = [];
  const collector = readTraceCollector(environment, (variable) => problems.push(variable));
  return { collector, problems };
}

const base = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector.test:4318" };

test.each([{}, { ...base, OTEL_SDK_DISABLED: "true" }, { ...base, OTEL_TRACES_EXPORTER: "none" }])(
  "%j: off, and nothing is wrong",
  (environment) => {
    expect(read(environment)).toEqual({ collector: null, problems: [] });
  },
);

describe("where they go", () => {
  test.each([
    [base, "http://collector.test:4318/v1/traces"],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "https://c.test/otlp/" }, "https://c.test/otlp/v1/traces"],
    [{ ...base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://t.test/x" }, "http://t.test/x"],
  ])("%j: %s", (environment, url) => {
    expect(read(environment).collector?.url).toBe(url);
  });
});

test("headers and the name of the service are taken", () => {
  const { collector } = read({
    ...base,
    OTEL_EXPORTER_OTLP_HEADERS: "Authorization=Bearer%20x, x-a=1",
    OTEL_SERVICE_NAME: "gate",
  });
  expect(collector).toMatchObject({
    headers: { authorization: "Bearer x", "x-a": "1" },
    serviceName: "gate",
  });
});

test.each([
  ["OTEL_EXPORTER_OTLP_ENDPOINT", { OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" }],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", { OTEL_EXPORTER_OTLP_ENDPOINT: "file:///etc/passwd" }],
  ["OTEL_EXPORTER_OTLP_PROTOCOL", { ...base, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }],
  ["OTEL_EXPORTER_OTLP_HEADERS", { ...base, OTEL_EXPORTER_OTLP_HEADERS: "no value" }],
  ["OTEL_EXPORTER_OTLP_HEADERS", { ...base, OTEL_EXPORTER_OTLP_HEADERS: "a=%zz" }],
])("a wrong %s is named, and traces are off", (variable, environment) => {
  expect(read(environment)).toEqual({ collector: null, problems: [variable] });
});
