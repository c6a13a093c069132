// Trailers of requests pass on the wire edge, but claims and credentials end at the gate there as they do in the head.
import { afterAll, expect, test } from "bun:test";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import { type Placed, testBench } from "../harness/proxy-bench.ts";
import { until } from "../harness/until.ts";
import { answerTo, request } from "../harness/wire.ts";
import { startWitness } from "../harness/witness.ts";

const bench = await testBench();
const witness = await startWitness();
const wire = { plainEdge: "wire", responseHeaderMs: 60_000 } as const;
const gates = {
  "an untrusted peer": await startProxy(bench.options(wire), bench.registry),
  "a trusted proxy": await startProxy(
    bench.options({ ...wire, trustedProxies: ["127.0.0.0/8"] }),
    bench.registry,
  ),
};
afterAll(async () => {
  for (const gate of Object.values(gates)) await gate.stop(true);
  witness.stop();
});

/** The trailer section that the program gets. */
async function passed(gate: ProxyServer, placed: Placed, head: string[], trailers: string[]) {
  expect(await gate.reached(bench.registry.revision, 10_000)).toBe(true);
  const lines = ["Transfer-Encoding: chunked", ...head];
  const body = `3\r\nabc\r\n0\r\n${trailers.map((line) => `${line}\r\n`).join("")}\r\n`;
  const host = placed.host("terminal-1");
  const answer = await answerTo(gate.port, request(host, "POST / HTTP/1.1", ...lines) + body);
  expect(answer?.status).toBe(200);
  return (witness.requests.at(-1)?.body ?? "").replace("3\r\nabc\r\n0\r\n", "");
}

test.each(Object.entries(gates))(
  "F5 %s has no header of ours, in whatever spelling, in its trailers",
  async (_who, gate) => {
    const placed = await bench.place({ programs: { terminal: witness.port } });
    const trailers = [
      "X-Realmgate-Groups: root",
      "x_realmgate_groups: root",
      "X-REALMGATE-New: root",
      "X-Forwarded-For: 10.9.9.9",
      "X_Forwarded_For: 10.9.9.9",
      "X-Forwarded-Server: root",
      "X_Real_IP: 10.9.9.9",
      "Forwarded: for=10.9.9.9",
      "X-HTTP-Method-Override: DELETE",
      "X-Original-URL: /admin",
      "SCRIPT_NAME: /x",
      "X-Script-Name: /x",
      "Transfer_Encoding: chunked",
      "Content_Length: 9",
      "Proxy: http://evil/",
      "X-Sum: 7",
    ];
    expect(await passed(gate, placed, [], trailers)).toBe("X-Sum: 7\r\n\r\n");
  },
);

test("S14 a request with trailers is the last of its upstream connection: some take them for the next request", async () => {
  const placed = await bench.place({ programs: { terminal: witness.port } });
  const gate = gates["an untrusted peer"];
  await passed(gate, placed, [], ["X-Sum: 7"]);
  const { connections } = witness;
  await passed(gate, placed, [], []);
  expect(witness.connections).toBe(connections + 1);
  await until(() => witness.open.size === 0, "no connection is kept");
});

test("the name of a credential that the gate took is in no trailer", async () => {
  const own = {
    groups: { g: { type: "token", header: "x-key", value: "good" } },
    permissions: { g: { terminal: true } },
  };
  const placed = await bench.place({ own, programs: { terminal: witness.port } });
  const gate = gates["an untrusted peer"];
  const rest = await passed(gate, placed, ["X-Key: good"], ["X-Key: good", "X-Sum: 7"]);
  expect(rest).toBe("X-Sum: 7\r\n\r\n");
});

test("what a hook looks for in the head is in no trailer, where the hook would miss it", async () => {
  const hook = { match: { path: "*", headers: { "X-Role": "admin" } }, script: { path: "/s" } };
  const placed = await bench.place({
    programs: { terminal: witness.port },
    hooks: { terminal: [{ id: "h", timeout: 500, ...hook }] },
  });
  const trailers = ["X-Role: admin", "x_role: admin", "X-Sum: 7"];
  const rest = await passed(gates["an untrusted peer"], placed, [], trailers);
  expect(rest).toBe("X-Sum: 7\r\n\r\n");
});
