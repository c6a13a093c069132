// The gate never dials itself: what listens here for operators and for the API is no program of a container on this machine.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type Api, enforced, loginAdmin, through } from "../harness/client.ts";
import { type Program, startProgram, startUpstream, type Upstream } from "../harness/program.ts";

let program: Program;
let upstream: Upstream;
let api: Api;
let projectId: string;

beforeAll(async () => {
  [program, upstream] = await Promise.all([startProgram(), startUpstream()]);
  api = await loginAdmin(program.urls);
  projectId = (await api.data("POST", "/projects", { body: { alias: "nosy" } })).id;
});

afterAll(async () => {
  await Promise.all([program[Symbol.asyncDispose](), upstream[Symbol.asyncDispose]()]);
});

/** What a request for a program of a container at this address gets: its status and the machine code. */
async function answerOf(address: string, slug: string, terminal: number): Promise<string> {
  const body = { address, programs: { terminal: { port: terminal } } };
  const made = await api.call("POST", `/projects/${projectId}/containers`, { body });
  await enforced(program.urls, made);
  const host = `${projectId}-${made.body.data.id}-${slug}.local.containers.localhost`;
  const response = await through(program.urls, host, { path: "/healthz" });
  const text = await response.text();
  return `${response.status} ${response.status === 200 ? "" : JSON.parse(text).code}`.trim();
}

test.each(["127.0.0.1", "::ffff:127.0.0.1", "::1", "127.0.0.2"])("at %s", async (address) => {
  for (const name of ["rest", "grpc", "proxy", "ops"] as const) {
    const port = Number(new URL(program.urls[name]).port);
    for (const slug of [`http-${port}`, `https-${port}`, "terminal-1"]) {
      const answer = await answerOf(address, slug, slug === "terminal-1" ? port : 1);
      expect({ name, slug, answer }).toEqual({ name, slug, answer: "503 no_upstream" });
    }
  }
});

test("nor are the servers behind them", async () => {
  const { rest, grpc, proxy, ops } = program.urls;
  const named = [rest, grpc, proxy, ops].map((url) => Number(new URL(url).port));
  const inner = listeningPorts(program.pid).filter((port) => !named.includes(port));
  // Of REST, gRPC and the operators' listener.
  expect(inner).toHaveLength(3);
  for (const port of inner) {
    expect(await answerOf("127.0.0.1", `http-${port}`, 1)).toBe("503 no_upstream");
    const direct = await fetch(`http://127.0.0.1:${port}/healthz`).then(
      ({ status }) => status,
      () => "closed",
    );
    expect([403, "closed"]).toContain(direct);
  }
});

/** TCP ports that a process listens on (proc_net(5)). */
function listeningPorts(pid: number): number[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      } catch {
        // Closed meanwhile.
        return undefined;
      }
    }),
  );
  const listening = "0A";
  return readFileSync(`/proc/${pid}/net/tcp`, "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === listening && sockets.has(fields[9]))
    .map(([, local = ""]) => Number.parseInt(local.split(":")[1] ?? "", 16));
}

test("while what else listens on this machine is dialled", async () => {
  expect(await answerOf("127.0.0.1", `http-${upstream.port}`, 1)).toBe("200");
});
