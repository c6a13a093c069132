// Methods that only the wire edge lets in: what is decided about a method holds for what the program makes of it.
import { afterAll, expect, test } from "bun:test";
import tls from "node:tls";
import { startProxy } from "../../src/proxy/proxy.ts";
import { isSentAsItIs } from "../../src/proxy/upstream/fetch-methods.ts";
import { certificate } from "../harness/certificate.ts";
import { codeOf } from "../harness/gate.ts";
import { listenLocally } from "../harness/local-server.ts";
import { LOCAL, testBench } from "../harness/proxy-bench.ts";
import { answerTo, request } from "../harness/wire.ts";
import { ok, startWitness } from "../harness/witness.ts";

const bench = await testBench();
const gate = await startProxy(
  bench.options({ plainEdge: "wire", responseHeaderMs: 60_000 }),
  bench.registry,
);
const plain = await startWitness();
const script = await startWitness(() => ok("of the script"));

/** Request lines that the program behind TLS got. */
const secured: string[] = [];
const secure = tls.createServer(certificate(), (socket) => {
  socket.on("error", () => {});
  socket.on("data", (data) => {
    const line = data.toString("latin1").split("\r\n", 1)[0] ?? "";
    secured.push(line);
    socket.write(
      line.startsWith("HEAD ") ? ok("of the program").slice(0, -14) : ok("of the program"),
    );
  });
});
const securePort = await listenLocally(secure);

afterAll(async () => {
  await gate.stop(true);
  plain.stop();
  script.stop();
  secure.close();
});

const OPEN = {
  groups: { all: LOCAL },
  permissions: { all: { https: true, terminal: true } },
};

async function place(service: "terminal" | "https", method: string | null, more = {}) {
  const match = { path: "*", method };
  const hook = { id: "h", match, script: { path: "/x" }, timeout: 5_000, ...more };
  const { host } = await bench.place({
    own: OPEN,
    programs: { terminal: plain.port, exec: script.port },
    hooks: method === null ? {} : { [service]: [hook] },
  });
  expect(await gate.reached(bench.registry.revision, 10_000)).toBe(true);
  return host(service === "https" ? `https-${securePort}` : "terminal-1");
}

async function ask(host: string, method: string) {
  const answer = await answerTo(gate.port, request(host, `${method} / HTTP/1.1`));
  return answer?.status === 200 ? answer.body : codeOf(answer?.body ?? "");
}

test.each([
  ["terminal", "POST", "post"],
  ["terminal", "POST", "Post"],
  ["terminal", "GET", "get"],
  ["terminal", "GET", "head"],
  ["https", "POST", "post"],
] as const)("B2 a hook of %s for %s guards %s, too", async (service, of, method) => {
  const host = await place(service, of);
  expect(await ask(host, method)).toBe("of the script");
});

test.each(["trace", "Trace", "connect", "Connect"])(
  "H9 %s is refused in any case",
  async (method) => {
    const before = plain.requests.length;
    expect(await ask(await place("terminal", null), method)).toBe("method_not_allowed");
    expect(plain.requests.length).toBe(before);
  },
);

test.each(["post", "head", "FOO", "HeaD", "options", "trace", "connect", "VERSION-CONTROL"])(
  "a program behind TLS never gets %s as another method",
  async (method) => {
    const before = secured.length;
    expect(await ask(await place("https", null), method)).toBe("method_not_allowed");
    expect(secured.length).toBe(before);
  },
);

test.each(["GET", "PURGE", "M-SEARCH", "UNSUBSCRIBE", "QUERY"])(
  "a program behind TLS gets %s",
  async (method) => {
    expect(isSentAsItIs(method)).toBe(true);
    expect(await ask(await place("https", null), method)).toBe("of the program");
    expect(secured.at(-1)).toBe(`${method} / HTTP/1.1`);
  },
);

test.each([
  ["BREW", "hook_failed"],
  ["get", "hook_failed"],
  ["PROPFIND", "PROPFIND / HTTP/1.1"],
])(
  "B2 %s, on which a script hangs up, opens no hook unless servers know it",
  async (method, outcome) => {
    const host = await place("terminal", "*", { on_error: "open" });
    const { answering } = script;
    script.answering = (_request, socket) => {
      socket.destroy();
      return null;
    };
    expect(await ask(host, method)).toBe(outcome);
    script.answering = answering;
  },
);
