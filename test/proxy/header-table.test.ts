// docs/headers.md and the code name the same header fields.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Glob } from "bun";
import { echoed, testBench } from "../harness/proxy-bench.ts";

const root = join(import.meta.dir, "../..");
const document = await Bun.file(join(root, "docs/headers.md")).text();
const { ask, place } = await testBench();

/** Names in code style, in lower case. */
const documented = new Set(
  [...document.matchAll(/`([A-Za-z0-9*-]+)`/g)].map(([, name = ""]) => name.toLowerCase()),
);

/** Hyphenated texts in the code that are no field. */
const OTHER_TEXTS: ReadonlySet<string> = new Set([
  "hoody-daemon",
  "notification-server",
  "utf-8",
  "head-too-large",
  "host-missing",
  "host-repeated",
  "bad-host",
  "proxy-header",
  "aws4-hmac-sha256",
  // A parameter of a query.
  "x-tunneled-method",
  // A known name with no rule of its own.
  "x-request-id",
]);

/** Field names that the data plane has in its code. */
async function namesInCode(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const file of new Glob("src/proxy/**/*.ts").scanSync({ cwd: root })) {
    if (file.endsWith(".test.ts")) continue;
    const code = await Bun.file(join(root, file)).text();
    const patterns = [
      // Whatever looks like one.
      /"((?:[a-z0-9]+-)+[a-z0-9]*)"/g,
      // Whatever is read or set as one.
      /[hH]eaders\.(?:get|set|has|delete|append)\(\s*"([^"]+)"/g,
      /setIfAbsent\(headers, "([^"]+)"/g,
    ];
    for (const [, name = ""] of patterns.flatMap((pattern) => [...code.matchAll(pattern)])) {
      if (!OTHER_TEXTS.has(name)) found.set(name, file);
    }
  }
  return found;
}

describe("the table of header fields", async () => {
  const inCode = await namesInCode();

  test("has every field that the code names", () => {
    expect(inCode.size).toBeGreaterThan(50);
    const missing = [...inCode].filter(
      ([name]) => !documented.has(name.endsWith("-") ? `${name}*` : name),
    );
    expect(missing).toEqual([]);
  });

  test("has no field of ours that the code does not name", () => {
    const ours = [...documented].filter((name) => /^x-realmgate-|^x-forwarded-/.test(name));
    expect(ours.length).toBeGreaterThan(8);
    const unknown = ours.filter((name) => !inCode.has(name.replace(/\*$/, "")));
    expect(unknown.filter((name) => name !== "x-realmgate_groups")).toEqual([]);
  });

  test("names every field that a program gets and the client did not send", async () => {
    const placed = await place();
    const { headers } = await echoed(await ask(placed.host("terminal-1")));
    const byRuntime = ["connection", "accept-encoding", "content-length"];
    const [programs = ""] = document.slice(document.indexOf("## To programs")).split("\n**Dropped");
    for (const name of Object.keys(headers).filter((each) => !byRuntime.includes(each))) {
      expect(programs.toLowerCase()).toContain(`\`${name}\``);
    }
  });

  test("names every field of a refusal", async () => {
    const denied = (await place({ own: { default: "deny" } })).host("terminal-1");
    const refusal = await ask(denied, { method: "POST", body: "x" });
    const clients = document.slice(document.indexOf("## To clients")).toLowerCase();
    const byRuntime = ["date", "transfer-encoding", "content-length"];
    for (const name of [...refusal.headers.keys()].filter((each) => !byRuntime.includes(each))) {
      expect(clients).toContain(`\`${name}\``);
    }
  });
});
