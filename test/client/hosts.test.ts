// What the client calls a program is what the gate takes it for.
import { expect, test } from "bun:test";
import { programUrl } from "../../src/client/containers-url.ts";
import { hostParser } from "../../src/proxy/routing/host.ts";

const place = { id: "b".repeat(24), project_id: "a".repeat(24), server: "local" };
const parse = hostParser("local", "example.com");

test.each([
  ["terminal", 3, "terminal", 3],
  ["http", undefined, "http", 80],
  ["http", 3000, "http", 3000],
  ["https", undefined, "https", 443],
  ["ssh", undefined, "ssh", 22],
  ["display", 9999, "display", 9999],
  ["notifications", 2, "notifications", 2],
  ["notification-server", undefined, "notifications", 1],
  ["hoody-daemon", 1, "daemon", 1],
  ["workspaces", 4, "agent", 4],
  ["workspace", 4, "agent", 4],
  ["agent", 1, "agent", 1],
  ["logs", 1, "logs", 1],
  ["proxy-logs", 1, "logs", 1],
  ["curl", undefined, "curl", 1],
  ["exec", 12, "exec", 12],
  ["files", undefined, "files", 1],
  ["kv", 1, "sqlite", 1],
])("%s %p is %s %i", (named, given, program, instance) => {
  const url = programUrl("https://containers.example.com", place, named, given);
  expect(parse(new URL(url).host)).toEqual({
    kind: "direct",
    project: place.project_id,
    container: place.id,
    program,
    instance,
  });
});
