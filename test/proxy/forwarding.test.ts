import { describe, expect, test } from "bun:test";
import net from "node:net";
import type { ProxyServer } from "../../src/proxy/proxy.ts";
import { code, echo, echoed, ip, LOCAL, testBench } from "../harness/proxy-bench.ts";
import { within } from "../harness/until.ts";

const { ask, behindTrusted, listen, place, proxy, raw } = await testBench();

/** Made for this test, for the name container.test, valid until 2126. */
const CONTAINER_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgOYIwwZ1tkpkHB8i+
7Ptgp8mjCTcHQm3OZldZ6V2CBCChRANCAASacYk4Rk1WA6uCiSChukSb9KzfZcSG
+uUyt5j8Er04hrWW6mLpCpZV/7iBUDBxGjm2FQcXgy5LPACRTeTkm3QF
-----END PRIVATE KEY-----
`;
const CONTAINER_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBijCCAS+gAwIBAgIUPNUwlM2nIN8vPLkHaoJ/bpu9F6swCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOY29udGFpbmVyLnRlc3QwIBcNMjYxMTIyMDM1MjA4WhgPMjEy
NjEwMjkwMzUyMDhaMBkxFzAVBgNVBAMMDmNvbnRhaW5lci50ZXN0MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEmnGJOEZNVgOrgokgobpEm/Ss32XEhvrlMreY/BK9
OIa1lupi6QqWVf+4gVAwcRo5thUHF4MuSzwAkU3k5Jt0BaNTMFEwHQYDVR0OBBYE
FJtI3/szNSEURVHAilorAhTaTMbvMB8GA1UdIwQYMBaAFJtI3/szNSEURVHAilor
AhTaTMbvMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAIB7ImGO
PEirckD7t31Nzdbb399dhO+kJFG22nptGfrIAiEA+PIINQFH504VhRqmE06Z+kyV
zYg0HOr6j78ly3bcMzQ=
-----END CERTIFICATE-----
`;

describe("what the upstream is told", () => {
  const lies = {
    "x-forwarded-for": "10.9.9.9",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "lie",
    "x-forwarded-prefix": "/lie",
    forwarded: "for=10.9.9.9",
    "x-real-ip": "10.9.9.9",
    x_forwarded_for: "10.9.9.9",
    "x-realmgate-groups": "admin",
    x_realmgate_groups: "admin",
    "x-realmgate-request-id": "lie",
    connection: "x-realmgate-program, x-forwarded-for, x-hop, host, cookie",
    "x-hop": "1",
    te: "trailers",
    "keep-alive": "timeout=5",
    "proxy-authorization": "Basic x",
    cookie: "a=1",
  };

  test("by an untrusted peer: only what we say ourselves", async () => {
    const placed = await place({
      own: { groups: { g: LOCAL }, permissions: { g: { terminal: true } } },
    });
    const host = placed.host("terminal-1");
    const { headers } = await echoed(await ask(host, { headers: lies }));
    const { "user-agent": _, accept: __, "x-realmgate-request-id": id, ...rest } = headers;
    expect(id).toMatch(/^[0-9a-f]{24}$/);
    expect(rest).toEqual({
      host,
      cookie: "a=1",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-host": host,
      "x-realmgate-program": "terminal",
      "x-realmgate-instance": "1",
      "x-realmgate-groups": "g",
    });
  });

  test("by a trusted peer: its word on the client, but never on us", async () => {
    const own = { groups: { g: ip("198.51.100.0/24") }, permissions: { g: { terminal: true } } };
    const placed = await place({ own });
    const asked = (forwardedFor: string, via: ProxyServer) =>
      ask(placed.host("terminal-1"), {
        via,
        headers: { ...lies, connection: "x-forwarded-for", "x-forwarded-for": forwardedFor },
      });
    const { headers } = await echoed(await asked("203.0.113.9, 198.51.100.7", behindTrusted));
    expect(headers).toMatchObject({
      "x-forwarded-for": "203.0.113.9, 198.51.100.7, 127.0.0.1",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "lie",
      "x-realmgate-groups": "g",
    });
    expect(headers.x_forwarded_for).toBeUndefined();
    expect(headers.x_realmgate_groups).toBeUndefined();
    expect(await code(await asked("198.51.100.7, 203.0.113.9", behindTrusted))).toEqual([
      403,
      "denied",
    ]);
    // A ban by address would not know whoever that is.
    expect(await code(await asked("198.51.100.7, unknown", behindTrusted))).toEqual([
      400,
      "bad_request",
    ]);
    expect((await asked("198.51.100.7:80", behindTrusted)).status).toBe(200);
    expect(await code(await asked("198.51.100.7", proxy))).toEqual([403, "denied"]);
  });

  test("the Host as the client wrote it", async () => {
    const placed = await place();
    const host = `${placed.host("terminal-1").toUpperCase()}.:8443`;
    const answer = await raw(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(answer).toContain(`"host":"${host}"`);
    expect(answer).toContain(`"x-forwarded-host":"${host}"`);
  });

  test("no proxy of the environment comes between", async () => {
    const placed = await place();
    const names = ["http_proxy", "HTTP_PROXY", "ALL_PROXY"];
    const before = names.map((name) => process.env[name]);
    let diverted = 0;
    const trap = await listen((socket) => {
      diverted++;
      socket.end();
    });
    try {
      for (const name of names) {
        process.env[name] = `http://127.0.0.1:${trap}`;
      }
      await echoed(await ask(placed.host("terminal-1")));
    } finally {
      names.forEach((name, i) => {
        if (before[i] === undefined) {
          delete process.env[name];
        } else {
          process.env[name] = before[i];
        }
      });
    }
    expect(diverted).toBe(0);
  });
});

describe("requests and responses", () => {
  test.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])(
    "%s carries its body",
    async (method) => {
      const placed = await place();
      const seen = await echoed(
        await ask(placed.host("terminal-1"), { method, body: "b\u00f6dy" }),
      );
      expect([seen.method, seen.body, seen.headers["content-length"]]).toEqual([
        method,
        "b\u00f6dy",
        "5",
      ]);
    },
  );

  test("a large body of known length keeps its length", async () => {
    const placed = await place();
    const body = "x".repeat(3_000_000);
    const seen = await echoed(await ask(placed.host("terminal-1"), { method: "POST", body }));
    expect(seen.body.length).toBe(3_000_000);
    expect(seen.headers["content-length"]).toBe("3000000");
  });

  test.each([204, 205, 304, 301, 404, 418, 500])("status %d passes through", async (status) => {
    const placed = await place();
    const response = await ask(placed.host("terminal-1"), { path: `/status/${status}` });
    expect([response.status, response.headers.get("etag"), await response.text()]).toEqual([
      status,
      '"x"',
      "",
    ]);
  });

  test("cookies stay apart and packed bodies stay packed", async () => {
    const placed = await place();
    const response = await ask(placed.host("terminal-1"), { path: "/cookies" });
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2; Path=/"]);
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(Buffer.from(Bun.gunzipSync(await response.bytes())).toString()).toBe("packed");
  });

  test("redirects are the client's to follow", async () => {
    const placed = await place();
    const response = await ask(placed.host("terminal-1"), { path: "/away" });
    expect([response.status, response.headers.get("location")]).toEqual([302, "/status/418"]);
  });

  test("https-PORT speaks HTTPS, with whatever certificate the container made", async () => {
    const tls = { key: CONTAINER_KEY, cert: CONTAINER_CERTIFICATE };
    const secure = Bun.serve({ hostname: "127.0.0.1", port: 0, tls, fetch: echo });
    const placed = await place();
    const host = placed.host(`https-${secure.port}`);
    const { headers } = await echoed(await ask(host));
    expect([headers.host, headers["x-realmgate-program"]]).toEqual([host, "https"]);
    await secure.stop(true);
  });

  test("HEAD is answered with the head of a GET", async () => {
    const placed = await place();
    const response = await ask(placed.host("terminal-1"), { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(Number(response.headers.get("content-length"))).toBeGreaterThan(0);
    expect(await response.text()).toBe("");
    const refused = await ask("example.test", { method: "HEAD" });
    expect([refused.status, await refused.text()]).toEqual([404, ""]);
  });

  test("a short body that comes in parts keeps its length, and its type to the letter", async () => {
    const port = await listen((socket) =>
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Type: Text/X;q=1\r\nContent-Length: 6\r\n\r\none");
        setImmediate(() => socket.write("two"));
      }),
    );
    const placed = await place({ programs: { terminal: port } });
    const answer = await raw(
      `GET / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toContain("\r\nContent-Type: Text/X;q=1\r\n");
    expect(answer).toContain("\r\nContent-Length: 6\r\n");
    expect(answer).toEndWith("\r\n\r\nonetwo");
  });

  test("hop-by-hop headers of the upstream end here, a missing type stays missing", async () => {
    const port = await listen((socket) =>
      socket.once("data", () =>
        socket.write(
          "HTTP/1.1 200 Fine\r\nConnection: x-hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-End: 2\r\nContent-Length: 2\r\n\r\nok",
        ),
      ),
    );
    const placed = await place({ programs: { terminal: port } });
    const answer = await raw(
      `GET / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\nConnection: close\r\n\r\n`,
    );
    const head = answer.slice(0, answer.indexOf("\r\n\r\n")).toLowerCase();
    expect(head).toContain("x-end: 2");
    expect(head).not.toContain("x-hop");
    expect(head).not.toContain("timeout=5");
    expect(head).not.toContain("content-type");
    expect(answer).toEndWith("\r\n\r\nok");
  });
});

describe("streams", () => {
  test("the client sees the first part before the upstream has the second", async () => {
    const second = Promise.withResolvers<void>();
    const port = await listen((socket) =>
      socket.once("data", async () => {
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
        await second.promise;
        socket.write("3\r\ntwo\r\n0\r\n\r\n");
      }),
    );
    const placed = await place({ programs: { terminal: port } });
    const response = await ask(placed.host("terminal-1"));
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("one");
    second.resolve();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("two");
    expect((await reader.read()).done).toBe(true);
  });

  test("the upstream sees the first part before the client has sent the second", async () => {
    const first = Promise.withResolvers<void>();
    const whole = Promise.withResolvers<string>();
    let received = "";
    const port = await listen((socket) =>
      socket.on("data", (data) => {
        received += data.toString();
        if (received.includes("one")) {
          first.resolve();
        }
        if (received.endsWith("0\r\n\r\n")) {
          whole.resolve(received);
          socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
      }),
    );
    const placed = await place({ programs: { terminal: port } });
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(Buffer.from("one"));
        await first.promise;
        controller.enqueue(Buffer.from("two"));
        controller.close();
      },
    });
    const response = await ask(placed.host("terminal-1"), { method: "POST", body });
    expect(response.status).toBe(200);
    expect(await within(whole.promise, "the whole body arrives")).toMatch(/one[\s\S]*two/);
  });

  test.each([
    ["before the answer begins", ""],
    [
      "while the answer streams",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n",
    ],
  ])("a client that goes away %s ends the upstream's work", async (_when, begin) => {
    const arrived = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    const port = await listen((socket) => {
      socket.on("close", () => gone.resolve());
      socket.once("data", () => {
        socket.write(begin);
        arrived.resolve();
      });
    });
    const placed = await place({ programs: { terminal: port } });
    const client = net.connect(behindTrusted.port, "127.0.0.1");
    const answered = begin === "" ? arrived.promise : new Promise((r) => client.once("data", r));
    client.write(`GET / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\n\r\n`);
    await answered;
    client.destroy();
    await within(gone.promise, "the upstream is let go");
  });

  test("a client that goes away in the middle of its body leaves the upstream a broken one", async () => {
    const ended = Promise.withResolvers<string>();
    const part = Promise.withResolvers<void>();
    let received = "";
    const port = await listen((socket) => {
      socket.on("data", (data) => {
        received += data.toString();
        if (received.includes("first")) {
          part.resolve();
        }
      });
      socket.on("close", () => ended.resolve(received));
    });
    const placed = await place({ programs: { terminal: port } });
    const client = net.connect(proxy.port, "127.0.0.1");
    client.write(
      `POST / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n`,
    );
    await within(part.promise, "the first part arrives");
    client.destroy();
    expect(await within(ended.promise, "the upstream is let go")).not.toContain("\r\n0\r\n\r\n");
  });
});
