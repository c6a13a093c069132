// What a second edge, or another upstream, relies on: the gate knows no platform objects, and only one folder knows Bun.serve.
import { expect, test } from "bun:test";
import { join, resolve } from "node:path";
import { Glob } from "bun";

const rooms = resolve(import.meta.dir, "../../src/proxy");

/** Code without comments and texts. */
async function codeOf(file: string): Promise<string> {
  const text = await Bun.file(join(rooms, file)).text();
  return text
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/(^|\s)\/\/.*$/gm, "")
    .replace(/"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g, '""');
}

async function matching(pattern: string, found: RegExp): Promise<string[]> {
  const files = [...new Glob(pattern).scanSync({ cwd: rooms })].filter(
    (file) => !file.endsWith(".test.ts"),
  );
  expect(files.length).toBeGreaterThan(0);
  const hits = await Promise.all(
    files.map(async (file) => (found.test(await codeOf(file)) ? [file] : [])),
  );
  return hits.flat().sort();
}

test("the gate knows neither requests, responses and headers of the platform nor the runtime", async () => {
  const platform = /\b(Request|Response|Headers|URL|AbortSignal|ReadableStream)\b|\bBun\./;
  expect(await matching("gate/*.ts", platform)).toEqual([]);
  expect(await matching("upstream/*.ts", platform)).not.toEqual([]);
});

test("servers of the runtime are known in edge/bun-serve only", async () => {
  const server = /\bBun\.(serve|Server|ServerWebSocket|WebSocketHandler|DirectUnderlyingSource)\b/;
  expect(await matching("**/*.ts", server)).toEqual([
    "edge/bun-serve/bun-serve-edge.ts",
    "edge/bun-serve/bun-serve-request.ts",
    "edge/bun-serve/lingering.ts",
    "edge/bun-serve/response-body.ts",
    "edge/bun-serve/websocket-handler.ts",
  ]);
});

test("the pipeline is the same for every edge", async () => {
  const platform = /\b(Request|Response|Headers|URL|AbortSignal|ReadableStream)\b|\bBun\./;
  expect(await matching("request-pipeline.ts", platform)).toEqual([]);
  expect(await matching("hooks/*.ts", platform)).toEqual([]);
});
