// D, S13: clients and upstreams that are slow, many, or break off. Nothing waits for a fixed time: sockets say when.
import { beforeAll, describe, expect, test } from "bun:test";
import net from "node:net";
import { startProxy } from "../../src/proxy/proxy.ts";
import { randomFrom } from "../arbitrary/random.ts";
import { caseBench, codeOf, type Scene, untouched } from "../harness/gate.ts";
import { onEdge } from "../harness/on-edge.ts";
import { linesOf } from "../harness/process-lines.ts";
import { LOCAL } from "../harness/proxy-bench.ts";
import { until } from "../harness/until.ts";
import { answerTo, request, untilClosed, Wire } from "../harness/wire.ts";
import { ok, type Seen } from "../harness/witness.ts";

const bench = await caseBench();
const { port } = bench.proxy;
/** Of a gate that waits for 400 ms. */
const hasty = bench.hasty.port;
const seed = Number(process.env.REALMGATE_TEST_SEED ?? Date.now() % 2 ** 31);

describe("D1 slow clients are cut off, and others are served meanwhile", () => {
  // The runtime looks every 4 s; with the shortest limit of 1 s all of these end within 8 s.
  test.concurrent.each([
    ["silent from the beginning", ""],
    ["that stops within its head", "GET / HTTP/1.1\r\nHost: @\r\nX-Slow: "],
    ["that stops within its first line", "GE"],
    [
      "of a refused body that stops",
      "POST / HTTP/1.1\r\nHost: example.test\r\nContent-Length: 10\r\n\r\nabc",
    ],
  ])(
    "D1 a client %s",
    async (_what, bytes) => {
      const slow = await startProxy(bench.options({ idleS: 1 }), bench.registry);
      const { host, witness } = await bench.scene();
      const ended = untilClosed(slow.port, bytes.replace("@", host));
      expect((await answerTo(slow.port, request(host)))?.status).toBe(200);
      await ended;
      expect(witness.requests).toHaveLength(1);
      await slow.stop(true);
    },
    20_000,
  );

  test.concurrent("D1 a client that sends a byte of its head now and then is cut off all the same", async () => {
    const slow = await startProxy(bench.options({ idleS: 1 }), bench.registry);
    const { host, witness } = await bench.scene();
    const wire = new Wire(slow.port).send("GET / HTTP/1.1\r\nX-Slow: ");
    const drip = setInterval(() => wire.send("a"), 250);
    await wire.closed;
    clearInterval(drip);
    expect((await answerTo(slow.port, request(host)))?.status).toBe(200);
    expect(witness.requests).toHaveLength(1);
    await slow.stop(true);
  });

  test.each([
    ["a known length", "Content-Length: 10", "abc"],
    ["a known length, long", "Content-Length: 70000", "abc"],
    ["chunks", "Transfer-Encoding: chunked", "3\r\nabc\r\n"],
  ])(
    "D1 an allowed body with %s that stops is 504 and the upstream is let go",
    async (_what, framing, body) => {
      const { host, witness } = await bench.scene();
      const wire = new Wire(hasty).send(request(host, "POST / HTTP/1.1", framing) + body);
      expect((await wire.answer())?.status).toBe(504);
      await until(() => witness.open.size === 0, "the upstream is let go");
      expect(witness.requests).toEqual([]);
      wire.end();
    },
  );

  test("D1 a TLS handshake where none is spoken is 400 and ends the connection", async () => {
    expect(await untilClosed(port, "\x16\x03\x01\0\x05hello")).toStartWith("HTTP/1.1 400 ");
  });
});

describe("slow upstreams", () => {
  test("D1 one that sends its head byte by byte has no more time than one that is silent: 504", async () => {
    const { host, witness } = await bench.scene({}, (_request, socket) => {
      socket.write("HTTP/1.1 200 OK\r\nX-Slow: ");
      const drip = setInterval(() => socket.write("a"), 20);
      socket.on("close", () => clearInterval(drip));
      return null;
    });
    const answer = await answerTo(hasty, request(host, "POST / HTTP/1.1", "Content-Length: 0"));
    expect([answer?.status, codeOf(answer?.body ?? "")]).toEqual([504, "upstream_timeout"]);
    await until(() => witness.open.size === 0, "the upstream is let go");
  });

  test("D1 one that sends 1xx without end: 502", async () => {
    const { host, witness } = await bench.scene({}, (_request, socket) => {
      const drip = setInterval(() => socket.write("HTTP/1.1 103 Early Hints\r\n\r\n"), 5);
      socket.on("close", () => clearInterval(drip));
      return null;
    });
    const wire = new Wire(hasty).send(request(host, "POST / HTTP/1.1", "Content-Length: 0"));
    const { answer, interim } = await wire.finalAnswer();
    wire.end();
    expect(answer?.status).toBe(502);
    expect(interim).toHaveLength(onEdge({ serve: 0, wire: 16 }));
    await until(() => witness.open.size === 0, "the upstream is let go");
  });

  test("D1 one that takes no bytes of a body: 504, and no more than a few megabytes are taken from the client", async () => {
    const placed = await bench.place({
      programs: { terminal: await bench.listen((socket) => socket.pause()) },
    });
    const wire = new Wire(hasty).send(
      request(placed.host("terminal-1"), "POST / HTTP/1.1", `Content-Length: ${1 << 30}`),
    );
    const block = "x".repeat(1 << 16);
    let sent = 0;
    const pump = () => {
      while (!wire.socket.destroyed && sent < 64 << 20) {
        sent += block.length;
        if (!wire.socket.write(block)) {
          wire.socket.once("drain", pump);
          return;
        }
      }
    };
    pump();
    expect((await wire.answer())?.status).toBe(504);
    wire.end();
    expect(sent).toBeLessThan(48 << 20);
  });
});

describe("D2 too much at once", () => {
  test("D2 beyond the limit of open exchanges it is 503, counted, and over when one ends; two containers never shut out a third", async () => {
    const held: net.Socket[] = [];
    const holding = (_request: Seen, socket: net.Socket) => {
      held.push(socket);
      return null;
    };
    const gate = await startProxy(
      bench.options({ exchangesMax: 4, responseHeaderMs: 60_000 }),
      bench.registry,
    );
    try {
      const one = await bench.scene({}, holding);
      const other = await bench.scene({}, holding);
      const third = await bench.scene({}, holding);
      const late = await bench.scene({}, holding);
      const start = async ({ host }: Scene) => {
        const before = held.length;
        const wire = new Wire(gate.port).send(request(host));
        await until(() => held.length > before, "the request arrives");
        return wire;
      };
      const refusal = async ({ host }: Scene) => {
        const answer = await answerTo(gate.port, request(host));
        return [answer?.status, codeOf(answer?.body ?? "")];
      };
      const first = [await start(one), await start(one)];
      expect(await refusal(one)).toEqual([503, "overloaded"]);
      const second = [await start(other)];
      expect(await refusal(other)).toEqual([503, "overloaded"]);
      second.push(await start(third));
      expect(await refusal(late)).toEqual([503, "overloaded"]);
      late.witness.answering = ({ line }) => ok(line);
      await untouched(late, port);
      expect(await gate.metrics.text()).toContain(
        'realmgate_requests_total{program="terminal",reason="overloaded"} 3',
      );

      held[0]?.write(ok("done"));
      expect((await first[0]?.answer())?.body).toBe("done");
      expect((await answerTo(gate.port, request(late.host)))?.status).toBe(200);
      // One that goes away makes room, too.
      second[0]?.end();
      await until(() => other.witness.open.size === 0, "no connection is left");
      other.witness.answering = ({ line }) => ok(line);
      expect((await answerTo(gate.port, request(other.host)))?.status).toBe(200);
      for (const wire of [...first, ...second]) wire.end();
    } finally {
      await gate.stop(true);
    }
  });

  test("D2 two thousand connections that open and go at once leave nothing behind", async () => {
    const { host, witness } = await bench.scene();
    for (let round = 0; round < 4; round++) {
      await Promise.all(
        Array.from({ length: 500 }, (_, n) => {
          const socket = net.connect(port, "127.0.0.1");
          socket.on("error", () => {});
          const closed = new Promise((resolve) => socket.on("close", resolve));
          socket.on("connect", () => {
            if (n % 2 === 0) socket.write(request(host).slice(0, n % 80));
            socket.resetAndDestroy();
          });
          return closed;
        }),
      );
    }
    expect((await answerTo(port, request(host)))?.status).toBe(200);
    expect(witness.requests).toHaveLength(1);
  });
});

describe("D3 documents and names at their limits", () => {
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "prototype", "valueOf"];

  test.each(names)("D3 a group named %s is a group like others", async (name) => {
    const groups = JSON.parse(
      `{"${name}":${JSON.stringify({ type: "token", header: "X-Key", value: "k3y" })}}`,
    );
    const permissions = JSON.parse(`{"${name}":{"terminal":true}}`);
    const { host, witness } = await bench.scene({ own: { groups, permissions, default: "deny" } });
    expect((await answerTo(port, request(host)))?.status).toBe(401);
    expect((await answerTo(port, request(host, "GET / HTTP/1.1", "X-Key: k3y")))?.status).toBe(200);
    expect(witness.latest("x-realmgate-groups")).toEqual([name]);
  });

  test.each(names.map((name) => name.toLowerCase()))(
    "D3 %s as a program, a header, a cookie and a parameter is a name like others",
    async (name) => {
      const header = name.replaceAll("_", "-");
      for (const [place, line, target] of [
        [{ header }, `${header}: k3y`, "/"],
        [{ cookie: name }, `Cookie: ${name}=k3y`, "/"],
        [{ param: name }, "X: 1", `/?${name}=k3y`],
      ] as const) {
        const own = {
          groups: { g: { type: "token", ...place, value: "k3y" } },
          permissions: { g: { terminal: true } },
          default: "deny",
        };
        const { host } = await bench.scene({ own });
        expect((await answerTo(port, request(host)))?.status).toBe(401);
        expect((await answerTo(port, request(host, `GET ${target} HTTP/1.1`, line)))?.status).toBe(
          200,
        );
      }
      const placed = await bench.place();
      const answer = await answerTo(port, request(placed.host(name)));
      expect(answer?.status).not.toBe(200);
    },
  );

  test("D3 a document with all the groups there may be is enforced", async () => {
    const groups: Record<string, never> = {};
    const permissions: Record<string, { terminal: boolean }> = {};
    for (let n = 0; n < 1_000; n++) {
      groups[`g${n}`] = { type: "ip", range: `10.${n >> 8}.${n & 255}.0/24` } as never;
      permissions[`g${n}`] = { terminal: true };
    }
    groups.g999 = LOCAL as never;
    const { host, witness } = await bench.scene({ own: { groups, permissions, default: "deny" } });
    expect((await answerTo(port, request(host)))?.status).toBe(200);
    expect(witness.latest("x-realmgate-groups")).toEqual(["g999"]);
  });
});

describe("S13 answers and their requests", () => {
  test(`S13 no client gets bytes of another's answer while a tenth of the upstream's connections break (seed ${seed})`, async () => {
    const random = randomFrom(seed);
    const { host } = await bench.scene({}, ({ line, body }, socket) => {
      const tag = line.split(" ")[1] ?? "";
      const filler = tag.repeat(random.between(1, 400));
      const whole = random.chance(0.5)
        ? ok(`${tag}\n${body}\n${filler}`)
        : `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk(`${tag}\n`)}${chunk(`${body}\n`)}${chunk(filler)}0\r\n\r\n`;
      if (!random.chance(0.1)) return whole;
      const part = whole.slice(0, random.between(0, whole.length - 1));
      if (part === "") socket.resetAndDestroy();
      else socket.write(part, "latin1", () => socket.resetAndDestroy());
      return null;
    });
    let whole = 0;
    let broken = 0;
    const client = async (name: number) => {
      for (let n = 0; n < 60; n++) {
        const tag = `/client-${name}-request-${n}-`;
        const post = n % 2 === 0;
        const line = `${post ? "POST" : "GET"} ${tag} HTTP/1.1`;
        const body = post ? `body of ${tag}` : "";
        const framing = post ? [`Content-Length: ${body.length}`] : [];
        const answer = await answerTo(port, request(host, line, ...framing) + body);
        if (answer === null || answer.status === 502) {
          broken++;
          continue;
        }
        whole++;
        const [first, second, filler = ""] = answer.body.split("\n");
        expect([answer.status, first, second]).toEqual([200, tag, body]);
        expect(filler.replaceAll(tag, "")).toBe("");
      }
    };
    await Promise.all(Array.from({ length: 24 }, (_, name) => client(name)));
    expect([whole > 1_000, broken > 30]).toEqual([true, true]);
  });
});

function chunk(text: string): string {
  return text === "" ? "" : `${text.length.toString(16)}\r\n${text}\r\n`;
}

let limited: Scene;
beforeAll(async () => {
  limited = await bench.scene();
});

test("D4 a gate that runs out of file descriptors refuses or waits, lives, and serves when they are free again", async () => {
  const child = Bun.spawn(
    [
      "bash",
      "-c",
      `ulimit -n 96 && exec "${process.execPath}" test/harness/gate-process.ts ${limited.witness.port}`,
    ],
    {
      stdout: "pipe",
      stderr: "ignore",
    },
  );
  try {
    const { value = "" } = await linesOf(child.stdout).next();
    const [own, host = ""] = value.split(" ");
    const at = Number(own);
    expect((await answerTo(at, request(host)))?.status).toBe(200);
    const crowd = Array.from({ length: 200 }, () => net.connect(at, "127.0.0.1"));
    for (const socket of crowd) socket.on("error", () => {});
    // Whatever comes of this one: no answer of another, and no 200 without an upstream.
    const waiting = answerTo(at, request(host));
    await Promise.all(
      crowd.map(
        (socket) =>
          new Promise((resolve) => socket.once(socket.connecting ? "connect" : "data", resolve)),
      ),
    );
    for (const socket of crowd) socket.destroy();
    expect([200, 502, 503, undefined]).toContain((await waiting)?.status);
    expect((await answerTo(at, request(host)))?.status).toBe(200);
    expect(child.exitCode).toBeNull();
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
});
