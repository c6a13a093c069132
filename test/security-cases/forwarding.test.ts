// F, W: what a client says about itself and about the connection decides nothing and reaches no upstream as ours.
import { afterAll, describe, expect, test } from "bun:test";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import { caseBench, codeOf, type Scene, untouched } from "../harness/gate.ts";
import { onEdge } from "../harness/on-edge.ts";
import { ip, LOCAL } from "../harness/proxy-bench.ts";
import { answersIn, answerTo, request, untilClosed, Wire } from "../harness/wire.ts";

const bench = await caseBench();
const { port } = bench.proxy;
const wire = await startProxy(bench.options({ plainEdge: "wire" }), bench.registry);
const EDGES = [bench.proxy, bench.behindTrusted, wire];

afterAll(() => wire.stop(true));

const granting = (range: object) => ({
  own: { groups: { g: range as never }, permissions: { g: { terminal: true } }, default: "deny" },
});
const far = granting(ip("198.51.100.0/24"));

async function ask(scene: Scene, lines: string[], via: ProxyServer = bench.proxy) {
  expect(await via.reached(bench.registry.revision, 10_000)).toBe(true);
  const answer = await answerTo(via.port, request(scene.host, "GET /x HTTP/1.1", ...lines));
  return answer?.status === 200 ? "passed" : codeOf(answer?.body ?? "");
}

describe("F1 an untrusted peer's word about its address", () => {
  test.each([
    "X-Forwarded-For: 198.51.100.7",
    "X-Real-IP: 198.51.100.7",
    "Forwarded: for=198.51.100.7",
    "X_Forwarded_For: 198.51.100.7",
    "X-Client-IP: 198.51.100.7",
    "True-Client-IP: 198.51.100.7",
    "CF-Connecting-IP: 198.51.100.7",
    "X-Envoy-External-Address: 198.51.100.7",
  ])("%s lets nobody in", async (line) => {
    const scene = await bench.scene(far);
    expect(await ask(scene, [line])).toBe("denied");
    await untouched(scene, port);
  });

  test("F1 is not passed on: the upstream hears the peer's address once", async () => {
    const scene = await bench.scene(granting(LOCAL));
    const lies = [
      "X-Forwarded-For: 10.9.9.9",
      "X-Forwarded-For: 10.8.8.8",
      "X-Real-IP: 10.9.9.9",
      "Forwarded: for=10.9.9.9",
    ];
    expect(await ask(scene, lies)).toBe("passed");
    expect(scene.witness.latest("x-forwarded-for")).toEqual(["127.0.0.1"]);
    expect(scene.witness.latest("x-real-ip")).toEqual([]);
    expect(scene.witness.latest("forwarded")).toEqual([]);
  });
});

describe("F2 a trusted peer's X-Forwarded-For: the right-most address that is not trusted", () => {
  const hops = Array.from({ length: 150 }, (_, n) => `127.0.1.${n}`).join(", ");
  test.each([
    ["alone", ["X-Forwarded-For: 198.51.100.7"], "passed"],
    ["behind a lie", ["X-Forwarded-For: 203.0.113.1, 198.51.100.7"], "passed"],
    ["before another untrusted one", ["X-Forwarded-For: 198.51.100.7, 203.0.113.1"], "denied"],
    ["before 150 trusted ones", [`X-Forwarded-For: 198.51.100.7, ${hops}`], "passed"],
    [
      "in the first of several lines",
      ["X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 127.0.0.9"],
      "passed",
    ],
    [
      "in the last of several lines",
      ["X-Forwarded-For: 203.0.113.1", "X-Forwarded-For: 198.51.100.7"],
      "passed",
    ],
    [
      "in the first, with another in the last",
      ["X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 203.0.113.1"],
      "denied",
    ],
    ["with unknown", ["X-Forwarded-For: 198.51.100.7, unknown"], "bad_request"],
    ["with a port", ["X-Forwarded-For: 198.51.100.7:80"], "passed"],
    ["with another's port", ["X-Forwarded-For: 198.51.100.7, 203.0.113.1:80"], "denied"],
    ["in brackets", ["X-Forwarded-For: [198.51.100.7]"], "bad_request"],
    ["mapped, with a port", ["X-Forwarded-For: [::ffff:198.51.100.7]:80"], "passed"],
    ["with garbage behind it", ["X-Forwarded-For: 198.51.100.7, \xff"], "bad_request"],
    ["with nothing behind it", ["X-Forwarded-For: 198.51.100.7,"], "bad_request"],
    [
      "with an empty last line",
      ["X-Forwarded-For: 198.51.100.7", "X-Forwarded-For:"],
      "bad_request",
    ],
    ["in octal", ["X-Forwarded-For: 0306.063.0144.07"], "bad_request"],
    ["mapped", ["X-Forwarded-For: ::ffff:198.51.100.7"], "passed"],
    ["under another name", ["X-Real-IP: 198.51.100.7", "Forwarded: for=198.51.100.7"], "denied"],
    ["a thousand pieces of garbage", [`X-Forwarded-For: ${"x,".repeat(1_000)}`], "bad_request"],
  ])("F2 %s", async (_what, lines, outcome) => {
    const scene = await bench.scene(far);
    expect(await ask(scene, lines, bench.behindTrusted)).toBe(outcome);
    if (outcome !== "passed") await untouched(scene, port);
  });
});

test.each(["198.51.100.7:80", "[::2]", "[::2]:80"])(
  "F2 %s is not the trusted proxy itself",
  async (list) => {
    const scene = await bench.scene(granting(LOCAL));
    expect(await ask(scene, [`X-Forwarded-For: ${list}`], bench.behindTrusted)).toBe("denied");
    await untouched(scene, port);
  },
);

test.each(["unknown", "198.51.100.7:x", "[::1", "\xff", "", ",", "1.2.3.4:80:80", "_hidden"])(
  "F2 whoever cannot be known is refused, also where everybody is let in but a few are banned: %j",
  async (list) => {
    const granted = await bench.scene(granting(LOCAL));
    expect(await ask(granted, [`X-Forwarded-For: ${list}`], bench.behindTrusted)).toBe(
      "bad_request",
    );
    await untouched(granted, port);
    const banning = await bench.scene({
      own: {
        groups: { banned: ip("0.0.0.0/0") as never },
        permissions: { banned: { terminal: false } },
        default: "allow",
      },
    });
    expect(await ask(banning, [`X-Forwarded-For: ${list}`], bench.behindTrusted)).toBe(
      "bad_request",
    );
  },
);

describe("F3 headers that name another request decide nothing", () => {
  const telling = (host: string) => [
    `X-Forwarded-Host: ${host}`,
    "X-Forwarded-Uri: /open",
    "X-Forwarded-Prefix: /open",
    "X-Forwarded-Method: GET",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Port: 22",
    `X-Original-URL: http://${host}/open`,
    `X-Rewrite-URL: http://${host}/open`,
    `X-Original-Host: ${host}`,
    "X-HTTP-Method-Override: CONNECT",
    "X-Envoy-Original-Path: /open",
    `X-Host: ${host}`,
  ];

  test("F3 of a refused request: it is refused as without them", async () => {
    const open = await bench.scene();
    const closed = await bench.scene(far);
    expect(await ask(closed, telling(open.host))).toBe("denied");
    expect(await ask(closed, telling(open.host), bench.behindTrusted)).toBe("denied");
    expect(open.witness.connections).toBe(0);
    await untouched(closed, port);
  });

  test("F3 of an allowed one: it goes where it went, and those that are ours are overwritten", async () => {
    const closed = await bench.scene(far);
    const open = await bench.scene();
    expect(await ask(open, telling(closed.host))).toBe("passed");
    const { witness, host } = open;
    expect(witness.requests.map(({ line }) => line)).toEqual(["GET /x HTTP/1.1"]);
    expect(witness.latest("host")).toEqual([host]);
    expect(witness.latest("x-forwarded-host")).toEqual([host]);
    expect(witness.latest("x-forwarded-proto")).toEqual(["http"]);
    for (const dropped of ["uri", "prefix", "method", "port"]) {
      expect(witness.latest(`x-forwarded-${dropped}`)).toEqual([]);
    }
    await untouched(closed, port);
  });

  test.each([
    "X-Original-URL: /admin",
    "X-Rewrite-URL: /admin",
    "X_Original_URL: /admin",
    "X-Rewrite_URL: /admin",
    "X_HTTP_Method_Override: DELETE",
    "X-HTTP_Method: DELETE",
    "X_Method-Override: DELETE",
    "X.HTTP.Method.Override: DELETE",
    "X~Original~URL: /admin",
    // What gunicorn, Flask's ReverseProxied, repoze.vhm, Plack and Next.js take off the path, or for it.
    "SCRIPT_NAME: /admin",
    "Script.Name: /admin",
    "PATH_INFO: /admin",
    "X-Script-Name: /admin",
    "X_Script_Name: /admin",
    "X-Vhm-Root: /admin",
    "X-Traversal-Path: /admin",
    "X-Invoke-Path: /admin",
    "X-Matched-Path: /admin",
    "X-Envoy-Original-Path: /admin",
  ])(
    "F3 %s, by which a program could carry out another request than was decided, never reaches one",
    async (line) => {
      for (const via of EDGES) {
        const scene = await bench.scene();
        expect(await ask(scene, [line], via)).toBe("passed");
        const { headers } = scene.witness.requests[0] ?? { headers: [] };
        expect(headers.filter(([, value]) => /^(?:\/admin|DELETE)$/.test(value))).toEqual([]);
      }
    },
  );
});

test.each([
  "Transfer_Encoding: chunked",
  "Transfer.Encoding: chunked",
  "Content_Length: 5",
  "content_LENGTH: 5",
  "Keep_Alive: 5",
  "Proxy_Authorization: 5",
  "HTTP2_Settings: 5",
  "Proxy: 5",
])(
  "F7 %s, which some programs read as a field of the connection, never reaches one",
  async (line) => {
    for (const via of EDGES) {
      const scene = await bench.scene();
      expect(await ask(scene, [line, "X-Other_Name: kept"], via)).toBe("passed");
      const { headers } = scene.witness.requests[0] ?? { headers: [] };
      expect(headers.filter(([, value]) => /^(?:5|chunked)$/.test(value))).toEqual([]);
      expect(headers.filter(([, value]) => value === "kept")).toHaveLength(1);
    }
  },
);

const IDENTITY = ["Groups", "Program", "Instance", "Request-Id", "User", "Anything"];

test.each([
  ["F4", (name: string) => `X_Realmgate_${name.replace("-", "_")}: root`],
  ["F4", (name: string) => `X-Realmgate_${name}: root`],
  ["F4", (name: string) => `x_REALMGATE-${name}: root`],
  // lighttpd writes `_` for whatever is neither letter nor digit.
  ["F4", (name: string) => `X.Realmgate.${name}: root`],
  ["F4", (name: string) => `x!realmgate~${name}: root`],
  ["F4", (name: string) => `X-Realmgate'${name}: root`],
  ["F5", (name: string) => `X-Realmgate-${name}: root`],
  ["F5", (name: string) => `X-REALMGATE-${name.toUpperCase()}: root`],
])(
  "%s no header of ours, in whatever spelling, comes from a client, not even from a trusted proxy",
  async (_case, line) => {
    for (const via of EDGES) {
      const scene = await bench.scene();
      expect(await ask(scene, IDENTITY.map(line), via)).toBe("passed");
      const { headers } = scene.witness.requests[0] ?? { headers: [] };
      expect(headers.filter(([, value]) => value === "root")).toEqual([]);
      expect(
        headers
          .filter(([name]) => name.replace(/[^a-z0-9]/g, "-").startsWith("x-realmgate-"))
          .map(([name]) => name)
          .toSorted(),
      ).toEqual(["x-realmgate-instance", "x-realmgate-program", "x-realmgate-request-id"]);
    }
  },
);

test.each([
  "X_Forwarded_For: 10.9.9.9",
  "X_Forwarded-Host: evil",
  "x-forwarded_proto: https",
  "X_Real_IP: 10.9.9.9",
  "X.Forwarded.For: 10.9.9.9",
  "X-Forwarded|For: 10.9.9.9",
  "Content_Length: 9",
  "CONTENT.LENGTH: 9",
  "Transfer_Encoding: chunked",
])("F4 %s is removed, even from a trusted proxy", async (line) => {
  for (const via of EDGES) {
    const scene = await bench.scene();
    expect(await ask(scene, [line], via)).toBe("passed");
    const names = scene.witness.requests[0]?.headers.map(([name]) => name) ?? [];
    expect(names.filter((name) => /[^a-z0-9-]/.test(name))).toEqual([]);
  }
});

test.each(["Proxy: http://evil/", "pROXY: http://evil/"])(
  "F3 %s is removed: by CGI's rules it is the proxy of what a program asks for",
  async (line) => {
    for (const via of EDGES) {
      const scene = await bench.scene();
      expect(await ask(scene, [line, "Proxy-Status: a", "Proxy_: b"], via)).toBe("passed");
      const names = scene.witness.requests[0]?.headers.map(([name]) => name) ?? [];
      expect(names.filter((name) => name.startsWith("prox")).toSorted()).toEqual([
        "proxy-status",
        "proxy_",
      ]);
    }
  },
);

describe("Connection cannot take away", () => {
  const token = { type: "token", header: "Authorization", value: "k3y" };
  const cookie = { type: "token", cookie: "tok", value: "k3y" };

  test("F6 what we add", async () => {
    const scene = await bench.scene(granting(LOCAL));
    const named = [
      "X-Forwarded-For",
      "X-Forwarded-Host",
      "X-Forwarded-Proto",
      "Host",
      ...IDENTITY.slice(0, 4).map((name) => `X-Realmgate-${name}`),
    ];
    // The wire edge takes eight options a request.
    const requests = onEdge({ serve: [named], wire: [named.slice(0, 4), named.slice(4)] });
    for (const names of requests) {
      expect(
        await ask(scene, [
          `Connection: ${names.join(", ")}`,
          `Connection: ${names.join(",").toLowerCase()}`,
        ]),
      ).toBe("passed");
      for (const name of named) {
        expect([name, scene.witness.latest(name.toLowerCase()).length]).toEqual([name, 1]);
      }
    }
  });

  test.each([
    ["authorization", token, "Authorization: k3y", "Authorization: bad"],
    ["cookie", cookie, "Cookie: tok=k3y", "Cookie: tok=bad"],
  ])("F6 a credential: %s is evaluated all the same", async (name, group, good, bad) => {
    expect(await ask(await bench.scene(granting(group)), [good, `Connection: ${name}`])).toBe(
      "passed",
    );
    const refusing = await bench.scene(granting(group));
    expect(await ask(refusing, [bad, `Connection: ${name}`])).toBe("unauthenticated");
    await untouched(refusing, port);
  });

  test.each([
    ["content-length", "Content-Length: 3", "abc", ["3"], []],
    ["transfer-encoding", "Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n", [], ["chunked"]],
  ])("F7 the framing: %s", async (name, line, body, length, coding) => {
    const { host, witness } = await bench.scene();
    const bytes = request(host, "POST / HTTP/1.1", line, `Connection: ${name}`) + body;
    expect((await answerTo(port, bytes))?.status).toBe(200);
    expect(witness.requests.map((seen) => seen.body)).toEqual([body]);
    expect(witness.latest("content-length")).toEqual(length);
    expect(witness.latest("transfer-encoding")).toEqual(coding);
  });
});

test("F8 what belongs to the client's connection is not passed on", async () => {
  const scene = await bench.scene();
  const lines = [
    "Proxy-Authorization: Basic eDp5",
    "Proxy-Connection: keep-alive",
    "TE: gzip, trailers",
    "Keep-Alive: timeout=99",
    "Upgrade: h2c",
    "HTTP2-Settings: AAMAAABkAAQAAP__",
    "Trailer: X-T",
    "Connection: Upgrade, HTTP2-Settings, X-Hop",
    "X-Hop: 1",
  ];
  expect(await ask(scene, lines)).toBe("passed");
  for (const name of [
    "proxy-authorization",
    "proxy-connection",
    "te",
    "keep-alive",
    "upgrade",
    "http2-settings",
    "trailer",
    "x-hop",
  ]) {
    expect([name, scene.witness.latest(name)]).toEqual([name, []]);
  }
});

describe("F9 this edge takes no PROXY protocol: such a connection ends and nothing goes on", () => {
  const v2 = "\r\n\r\n\0\r\nQUIT\n";
  test.each([
    ["v1", "PROXY TCP4 198.51.100.7 127.0.0.1 1 80\r\n"],
    ["v1 of an unknown family", "PROXY UNKNOWN\r\n"],
    ["v1 that is too long", `PROXY TCP4 ${"1".repeat(120)}\r\n`],
    ["v2", `${v2}\x21\x11\0\x0c\xc6\x33\x64\x07\x7f\0\0\x01\0\x01\0\x50`],
    ["v2 LOCAL", `${v2}\x20\0\0\0`],
    ["v2 with a false length", `${v2}\x21\x11\xff\xff\x7f\0\0\x01`],
  ])("F9 %s", async (_what, preface) => {
    const scene = await bench.scene(far);
    const answers = answersIn(await untilClosed(port, preface + request(scene.host)));
    expect(answers.map(({ status }) => status)).toEqual([400]);
    await untouched(scene, port);
  });

  test("F9 v1 byte by byte", async () => {
    const scene = await bench.scene(far);
    const wire = new Wire(bench.behindTrusted.port);
    for (const byte of `PROXY TCP4 198.51.100.7 127.0.0.1 1 80\r\n${request(scene.host)}`)
      wire.send(byte);
    expect((await wire.answer())?.status).toBe(400);
    await wire.closed;
    await untouched(scene, port);
  });
});

describe("upgrades", () => {
  const upgrade = (...lines: string[]) => [
    ...lines,
    "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
    "Sec-WebSocket-Version: 13",
  ];
  const full = upgrade("Upgrade: websocket", "Connection: Upgrade");

  test("W1 one that is denied is denied like any other, and reaches no upstream", async () => {
    const scene = await bench.scene(far);
    expect(await ask(scene, full)).toBe("denied");
    await untouched(scene, port);
  });

  test.each([
    ["another protocol", upgrade("Upgrade: h2c", "Connection: Upgrade")],
    ["a list", upgrade("Upgrade: foo, websocket", "Connection: Upgrade")],
    ["two lines", upgrade("Upgrade: websocket", "Upgrade: foo", "Connection: Upgrade")],
  ])(
    "W5 %s is no tunnel: an ordinary request without the upgrade goes on",
    async (_what, lines) => {
      const scene = await bench.scene();
      expect(await ask(scene, lines)).toBe("passed");
      expect(scene.witness.latest("upgrade")).toEqual([]);
      const refused = await bench.scene(far);
      expect(await ask(refused, lines)).toBe("denied");
      await untouched(refused, port);
    },
  );

  test.each([
    ["without Connection", "GET / HTTP/1.1", upgrade("Upgrade: websocket")],
    [
      "with Connection: close",
      "GET / HTTP/1.1",
      upgrade("Upgrade: websocket", "Connection: close"),
    ],
    // In HTTP/1.0 it is one like any other here: the runtime tells nobody.
    ["in a POST", "POST / HTTP/1.1", [...full, "Content-Length: 0"]],
  ])("W5 websocket %s is no tunnel", async (_what, line, lines) => {
    const { host, witness } = await bench.scene();
    const answer = await answerTo(port, request(host, line, ...lines));
    expect(answer?.status).not.toBe(101);
    expect(
      witness.requests.filter(({ headers }) => headers.some(([name]) => name === "upgrade")),
    ).toEqual([]);
  });

  test("W3 an answer of 200 with Upgrade is an answer: what the client sends next is a request under the policy", async () => {
    const open = await bench.scene(
      {},
      () =>
        "HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok",
    );
    const closed = await bench.scene(far);
    const wire = new Wire(port).send(
      request(open.host, "GET / HTTP/1.1", "Upgrade: foo", "Connection: Upgrade"),
    );
    const answer = await wire.answer();
    expect([answer?.status, answer?.headers.get("upgrade"), answer?.body]).toEqual([
      200,
      undefined,
      "ok",
    ]);
    const next = await wire.send(request(closed.host)).answer();
    wire.end();
    expect(codeOf(next?.body ?? "")).toBe("denied");
    await untouched(closed, port);
  });
});
