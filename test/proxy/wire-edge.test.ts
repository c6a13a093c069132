// What the edge over bare sockets passes on as it came, and what it ends.
import { afterAll, describe, expect, test } from "bun:test";
import net from "node:net";
import { startProxy } from "../../src/proxy/proxy.ts";
import { parsePrometheusText, sampleValue } from "../harness/prometheus-text.ts";
import { testBench } from "../harness/proxy-bench.ts";
import { PairFiles, pairFor, WILDCARD } from "../harness/tls-bench.ts";
import { until, within } from "../harness/until.ts";
import { answersIn, dial, request, untilClosed, type Where, Wire } from "../harness/wire.ts";

const bench = await testBench();
const files = new PairFiles();
files.write(pairFor(WILDCARD, "x"));
const gate = await startProxy(
  bench.options({ plainEdge: "wire", tls: files.options(), responseHeaderMs: 60_000 }),
  bench.registry,
);
afterAll(() => gate.stop(true));

/** A container whose upstream says `answer` to each request that `isWhole`, and keeps what it got. */
async function program(answer: string, isWhole = (got: string) => got.includes("\r\n\r\n")) {
  const heard: string[] = [];
  const port = await bench.listen((socket) => {
    const place = heard.push("") - 1;
    socket.on("data", (data) => {
      heard[place] += data.toString("latin1");
      if (isWhole(heard[place] ?? "")) socket.write(answer, "latin1");
    });
  });
  const placed = await bench.place({ programs: { terminal: port } });
  const revision = gate.revision();
  await until(() => gate.revision() >= revision, "the gate knows it");
  await gate.reached(bench.proxy.revision(), 2_000);
  return { host: placed.host("terminal-1"), heard };
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

const listeners: [string, Where][] = [
  ["in plain text", gate.port],
  ["over TLS", { tlsPort: gate.tls?.port ?? 0 }],
];

describe.each(listeners)("%s", (_how, at) => {
  describe("as it came", () => {
    test("target, spelling, order and repetition of lines, an unknown method, the body of GET", async () => {
      const { host, heard } = await program(OK, (got) => got.endsWith("body"));
      const wire = new Wire(at).send(
        `${request(
          host,
          "GET /a/../%2e%2e/\\\xe9?x={y} HTTP/1.1",
          "X-One: 1",
          "x-ONE: 2",
          "Content-Length: 4",
        )}body`,
      );
      expect((await wire.answer())?.body).toBe("hi");
      wire.end();
      expect(heard[0]).toStartWith("GET /a/../%2e%2e/\\\xe9?x={y} HTTP/1.1\r\nHost: ");
      expect(heard[0]).toContain("\r\nX-One: 1\r\nx-ONE: 2\r\nContent-Length: 4\r\n");
      const brewed = new Wire(at).send(
        `${request(host, "BREW / HTTP/1.1", "Content-Length: 4")}body`,
      );
      expect((await brewed.answer())?.body).toBe("hi");
      brewed.end();
      expect(heard.join("")).toContain("BREW / HTTP/1.1\r\n");
    });

    test("chunks and trailers both ways, without what concerns one connection or no trailer may be", async () => {
      const chunks = "3;a=b\r\nabc\r\n0\r\nX-Sum: 1\r\nHost: evil\r\n\r\n";
      const { host, heard } = await program(
        `HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`,
        (got) => got.endsWith("0\r\nX-Sum: 1\r\n\r\n"),
      );
      const wire = new Wire(at).send(
        request(host, "POST / HTTP/1.1", "Transfer-Encoding: chunked") + chunks,
      );
      await wire.saw("X-Sum: 1\r\n\r\n");
      expect(wire.received).toStartWith("HTTP/1.1 200 Fine\r\n");
      expect(wire.received).toEndWith("\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n");
      wire.end();
      expect(heard[0]).toEndWith("\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n");
    });

    test("in pieces of one byte", async () => {
      const { host, heard } = await program(OK, (got) => got.endsWith("body"));
      const wire = new Wire(at);
      wire.socket.setNoDelay(true);
      for (const byte of `${request(host, "PUT /x HTTP/1.1", "Content-Length: 4")}body`) {
        wire.send(byte);
        await Bun.sleep(0);
      }
      expect((await wire.answer())?.body).toBe("hi");
      wire.end();
      expect(heard[0]).toStartWith("PUT /x HTTP/1.1\r\n");
    });

    test("early hints, and 100 once it is decided", async () => {
      const { host } = await program(`HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${OK}`, (got) =>
        got.endsWith("body"),
      );
      const wire = new Wire(at).send(
        request(host, "POST / HTTP/1.1", "Content-Length: 4", "Expect: 100-continue"),
      );
      await wire.saw("HTTP/1.1 100 Continue\r\n\r\n");
      wire.send("body");
      await wire.saw("\r\n\r\nhi");
      expect(wire.received).toContain("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
      wire.end();
    });
  });

  describe("connections", () => {
    test("pipelined requests are answered in order, and the connection goes on", async () => {
      const { host } = await program(OK);
      const wire = new Wire(at).send(request(host).repeat(5));
      for (let i = 0; i < 5; i++) expect((await wire.answer())?.body).toBe("hi");
      wire.send(request(host));
      expect((await wire.answer())?.status).toBe(200);
      wire.end();
    });

    test("of HTTP/1.0 end with the response, chunks are taken off", async () => {
      const { host } = await program(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      );
      const received = await untilClosed(at, request(host, "GET / HTTP/1.0"));
      expect(received).toEndWith("\r\nConnection: close\r\n\r\nabc");
      expect(received).not.toMatch(/transfer-encoding/i);
    });

    test("of a client that half-closes after its request get the response", async () => {
      const { host } = await program(OK);
      const socket = dial(at);
      const { promise, resolve } = Promise.withResolvers<string>();
      let received = "";
      socket.on("data", (data) => {
        received += data.toString("latin1");
      });
      socket.on("end", () => resolve(received));
      socket.end(request(host));
      expect(await within(promise, "the response")).toEndWith("\r\n\r\nhi");
    });

    test("end with the first error: nothing behind it is a request", async () => {
      const { host, heard } = await program(OK);
      const bad = request(
        host,
        "GET / HTTP/1.1",
        "Content-Length: 3",
        "Transfer-Encoding: chunked",
      );
      const received = await untilClosed(at, bad + request(host));
      expect(received).toStartWith("HTTP/1.1 400 Bad Request\r\n");
      expect(received.match(/HTTP\/1\.1 /g)).toHaveLength(1);
      expect(heard).toEqual([]);
    });

    test("a malformed chunk behind the head is 400 before anyone is dialled", async () => {
      const { host, heard } = await program(OK);
      const received = await untilClosed(
        at,
        `${request(host, "POST / HTTP/1.1", "Transfer-Encoding: chunked")}0x1\r\na\r\n0\r\n\r\n`,
      );
      expect(received).toStartWith("HTTP/1.1 400 ");
      expect(heard).toEqual([]);
    });

    test("an absolute target has to name the same host", async () => {
      const { host, heard } = await program(OK);
      const wire = new Wire(at).send(request(host, `GET http://${host}/p HTTP/1.1`));
      expect((await wire.answer())?.status).toBe(200);
      expect(heard[0]).toStartWith("GET /p HTTP/1.1\r\n");
      wire.send(request(host, "GET http://evil.test/p HTTP/1.1"));
      expect((await wire.answer())?.status).toBe(400);
      wire.end();
    });
  });

  test.each([
    [
      "two Host lines",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      400,
      "bad_host",
      "host-repeated",
    ],
    ["a bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400, "bad_request", "bare-lf"],
    [
      "another version",
      "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
      505,
      "bad_request",
      "version-not-supported",
    ],
  ])(
    "%s is refused with a code and a request id, which the log has, and counted",
    async (_what, bytes, status, code, malformed) => {
      const count = async () => {
        const families = parsePrometheusText(await gate.metrics.text());
        return sampleValue(families, "realmgate_malformed_total", { reason: malformed });
      };
      const before = await count();
      const [answer] = answersIn(await untilClosed(at, bytes));
      expect([answer?.status, JSON.parse(answer?.body ?? "")]).toEqual([
        status,
        expect.objectContaining({ statusCode: status, code }),
      ]);
      const requestId = answer?.headers.get("x-realmgate-request-id");
      expect(requestId).toMatch(/^[0-9a-f]{24}$/);
      const lines = bench.logged.filter(
        ({ fields }) => "requestId" in fields && fields.requestId === requestId,
      );
      expect(lines.map(({ fields }) => fields)).toEqual([
        { requestId, reason: code, malformed, client: "127.0.0.1" },
      ]);
      expect(await count()).toBe(before + 1);
    },
  );
});

describe("a client network at its cap of connections", () => {
  test("loses its most silent idle connection to a new one, never one whose request is answered", async () => {
    // The least that a gate has; half of them are one network's.
    const capped = await startProxy(
      bench.options({ plainEdge: "wire", exchangesMax: 1, idleS: 200 }),
      bench.registry,
    );
    const sockets: net.Socket[] = [];
    const open = () => {
      const socket = net.connect(capped.port, "127.0.0.1");
      sockets.push(socket);
      // One that does not read does not see its end.
      socket.resume();
      return socket;
    };
    try {
      const heard: string[] = [];
      const port = await bench.listen((socket) =>
        socket.on("data", (data) => heard.push(`${data}`)),
      );
      const { host } = await bench.place({ programs: { terminal: port } });
      await capped.reached(bench.registry.revision, 5_000);
      const busy = open();
      busy.write(request(host("terminal-1"), "GET / HTTP/1.1"));
      await until(() => heard.length > 0, "the program is asked");
      const idle = Array.from({ length: 511 }, open);
      const closed: net.Socket[] = [];
      for (const socket of [busy, ...idle]) socket.on("close", () => closed.push(socket));
      await Promise.all(
        idle.map((socket) => new Promise((resolve) => socket.once("connect", resolve))),
      );
      const answered = new Wire(capped.port).send("GET / HTTP/1.1\r\nHost: nowhere\r\n\r\n");
      expect((await answered.answer())?.status).toBe(404);
      await until(() => closed.length > 0, "an idle connection is closed");
      expect(closed).toHaveLength(1);
      expect(closed).not.toContain(busy);
      answered.end();
    } finally {
      for (const socket of sockets) socket.destroy();
      await capped.stop(true);
    }
  });

  test("whose handshakes never begin takes no place from others", async () => {
    const capped = await startProxy(
      bench.options({ plainEdge: "wire", exchangesMax: 1, tls: files.options() }),
      bench.registry,
    );
    const sockets: net.Socket[] = [];
    try {
      const crowd = ["127.0.0.2", "127.0.0.3"].flatMap((localAddress) =>
        Array.from({ length: 512 }, () => {
          const port = capped.tls?.port ?? 0;
          const socket = net.connect({ port, host: "127.0.0.1", localAddress });
          socket.on("error", () => {});
          socket.resume();
          sockets.push(socket);
          return new Promise((resolve) => socket.once("connect", resolve));
        }),
      );
      await Promise.all(crowd);
      for (const at of [capped.port, { tlsPort: capped.tls?.port ?? 0 }]) {
        const neighbour = new Wire(at).send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        expect((await neighbour.answer())?.status).toBe(404);
        neighbour.end();
      }
    } finally {
      for (const socket of sockets) socket.destroy();
      await capped.stop(true);
    }
  });
});
