// With few descriptors, clients of the API that say nothing, or never finish, take none from the data plane.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import net from "node:net";
import { type Program, startProgram } from "../harness/program.ts";
import { until } from "../harness/until.ts";

const descriptors = 1024;
const silent = 1100;

let program: Program;
const sockets: net.Socket[] = [];

beforeAll(async () => {
  program = await startProgram({ descriptors, environment: { REALMGATE_TRUSTED_PROXIES: "" } });
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await program[Symbol.asyncDispose]();
});

const portOf = (url: string) => Number(new URL(url).port);

function residentMb(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
}

test("silent connections to gRPC leave REST, the proxy and the operators' listener alone", async () => {
  let opened = 0;
  for (let i = 0; i < silent; i++) {
    const socket = net.connect(portOf(program.urls.grpc), "127.0.0.1");
    socket.on("error", () => {}).on("connect", () => opened++);
    sockets.push(socket);
  }
  await until(
    () => opened + sockets.filter(({ destroyed }) => destroyed).length >= silent,
    "all tried",
  );
  for (let i = 0; i < 20; i++) {
    const answers = await Promise.all([
      fetch(`${program.urls.rest}/api/v1/users/me`),
      fetch(program.urls.proxy),
      fetch(`${program.urls.ops}/healthz`),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([401, 404, 200]);
  }
  for (const socket of sockets) socket.destroy();
});

/** Four connections with 1,000 calls each, whose messages of 520,000 bytes stop at 500,000; counts the answers. */
const unfinished = `
  const http2 = require("node:http2");
  const message = Buffer.alloc(500000);
  message.writeUInt32BE(520000, 1);
  let answers = 0;
  for (let n = 0; n < 4; n++) {
    const session = http2.connect(process.argv[1], { maxSessionMemory: 1000 });
    session.on("error", () => {});
    for (let i = 0; i < 1000; i++) {
      const stream = session.request({
        ":method": "POST",
        ":path": "/realmgate.v1.UserService/" + (i % 2 ? "GetMe" : "Login"),
        "content-type": "application/grpc",
        te: "trailers",
      });
      stream.on("error", () => {}).on("response", () => answers++);
      stream.write(message);
    }
  }
  setTimeout(() => { console.log(answers); process.exit(); }, 5000);
`;

test.skipIf(Bun.which("node") === null)(
  "unfinished messages of anonymous callers cost little memory",
  async () => {
    const before = residentMb(program.pid);
    const attacker = Bun.spawn(["node", "-e", unfinished, program.urls.grpc], { stdout: "pipe" });
    let peak = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, residentMb(program.pid) - before);
    }, 50);
    const answers = Number(await new Response(attacker.stdout).text());
    clearInterval(watch);
    // They came through, and some were answered.
    expect(answers).toBeGreaterThan(0);
    expect(peak).toBeLessThan(50);
  },
  30_000,
);

test("fewer descriptors than the exchanges need are said once at start, with how many suffice", () => {
  const lines = program
    .log()
    .split("\n")
    .filter((line) => line.includes("ulimit -n is 1024"));
  expect(lines).toHaveLength(1);
  const [, exchanges, needed] =
    /: (\d+) concurrent exchanges instead of 32768; raise it to (\d+)/.exec(lines[0] ?? "") ?? [];
  expect(Number(exchanges)).toBeGreaterThan(0);
  // A socket of the client and one of the program for each.
  expect(Number(exchanges) * 2).toBeLessThan(descriptors);
  expect(Number(needed)).toBeGreaterThan(2 * 32_768);
});
