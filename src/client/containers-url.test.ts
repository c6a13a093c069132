import { describe, expect, test } from "bun:test";
import { containersUrlOf, programLabel, programUrl } from "./containers-url.ts";

const id = "b".repeat(24);
const project_id = "a".repeat(24);
const place = { id, project_id, server: "node-us" };

test.each([
  ["https://api.example.com", "https://containers.example.com"],
  [`https://${"c".repeat(24)}.api.example.com`, "https://containers.example.com"],
  ["https://eu.api.example.com", "https://eu.containers.example.com"],
  ["https://example.com", "https://containers.example.com"],
  [`https://${"c".repeat(24)}.gate.example.com`, "https://containers.gate.example.com"],
  ["https://api", "https://containers.api"],
  ["https://x.y.api.example.com", "https://containers.x.y.api.example.com"],
  ["https://api.example.com:8443/prefix", "https://containers.example.com:8443"],
  ["http://localhost:8080", null],
  ["http://api.localhost:8080", null],
  ["http://127.0.0.1:8080", null],
  ["http://[::1]:8080", null],
])("the containers behind %s are at %p", (api, containers) => {
  expect(containersUrlOf(new URL(api))).toBe(containers);
});

describe("the first label", () => {
  test.each([
    ["terminal", undefined, "terminal-1"],
    ["terminal", 9999, "terminal-9999"],
    ["http", undefined, "http-80"],
    ["http", 65535, "http-65535"],
    ["https", undefined, "https-443"],
    ["ssh", undefined, "ssh-22"],
    ["notifications", 2, "n-2"],
    ["notification-server", 1, "n-1"],
    ["hoody-daemon", 1, "daemon-1"],
    ["workspaces", 3, "agent-3"],
    ["sqlite", 5, "sqlite-5"],
  ])("of %s %p ends in %s", (program, instance, slug) => {
    expect(programLabel(place, program, instance)).toBe(`${project_id}-${id}-${slug}`);
  });

  test.each([
    ["terminal", 0],
    ["terminal", 10_000],
    ["terminal", 1.5],
    ["http", 65_536],
    ["ssh", 23],
    ["Terminal", 1],
    ["a.evil.example", 1],
    ["a/b", 1],
    ["", 1],
    ["averylongprogram", 1],
  ])("is not made of %s %p", (program, instance) => {
    expect(() => programLabel(place, program, instance)).toThrow(TypeError);
  });

  test.each([[{ ...place, id: "x" }], [{ ...place, project_id: "../../" }]])(
    "is not made of ids that are none",
    (wrong) => {
      expect(() => programLabel(wrong, "terminal")).toThrow("24 lower-case hex");
    },
  );
});

test("the whole address keeps scheme and port of the containers' domain, and no path", () => {
  expect(programUrl("http://containers.localhost:8000/", place, "terminal", 2)).toBe(
    `http://${project_id}-${id}-terminal-2.node-us.containers.localhost:8000`,
  );
});

test.each(["", "a.b", "evil.example/", "a b", "-a"])("%j is no server", (server) => {
  const url = () => programUrl("https://containers.example.com", { ...place, server }, "terminal");
  expect(url).toThrow("one label");
});
