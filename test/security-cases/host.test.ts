// H: which container a request is for. Where the runtime hides something the test says what happens instead.
import { beforeAll, describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { ContainerStateSchema, ProjectStateSchema } from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { PARENT, type Placement } from "../harness/change-registry.ts";
import { caseBench, codeOf, type Scene, untouched } from "../harness/gate.ts";
import { onEdge } from "../harness/on-edge.ts";
import { ip, LOCAL } from "../harness/proxy-bench.ts";
import { answersIn, answerTo, request, untilClosed, Wire } from "../harness/wire.ts";

const bench = await caseBench();
const { port } = bench.proxy;

const grants = (range: object): Placement => ({
  own: { groups: { g: range as never }, permissions: { g: { terminal: true } }, default: "deny" },
});
const ask = (host: string, line = "GET / HTTP/1.1", ...lines: string[]) =>
  answerTo(port, request(host, line, ...lines));

let allowed: Scene;
let denied: Scene;
beforeAll(async () => {
  allowed = await bench.scene(grants(LOCAL));
  denied = await bench.scene(grants(ip("203.0.113.0/24")));
});

describe("H1 letter case never matters, however many projects there are", () => {
  const spellings = [
    (host: string) => host,
    (host: string) => host.toUpperCase(),
    (host: string) => host.replaceAll(/[a-z]/g, (c, at) => (at % 2 ? c : c.toUpperCase())),
  ];
  let there = 0;
  /** Fills up with projects that have a container and a document of their own. */
  async function grow(projects: number): Promise<void> {
    const states = Array.from({ length: projects - there }, (_, n) => {
      const id = (there + n).toString(16).padStart(24, "e");
      const project = create(ProjectStateSchema, { id });
      const container = create(ContainerStateSchema, {
        id: id.replace("e", "f"),
        projectId: id,
        serverName: "local",
        running: true,
        address: "127.0.0.1",
      });
      return [project, container] as const;
    });
    const revision = bench.registry.commit(
      states.map(([project]) => project),
      states.map(([, container]) => container),
    );
    there = projects;
    expect(await bench.proxy.reached(revision, 20_000)).toBe(true);
  }

  test.each([1, 101, 100_000])("H1 with %d more projects", async (projects) => {
    await grow(projects);
    const last = (there - 1).toString(16).padStart(24, "e");
    for (const spelled of spellings) {
      expect((await ask(spelled(allowed.host)))?.status).toBe(200);
      const refused = await ask(spelled(denied.host));
      expect([refused?.status, codeOf(refused?.body ?? "")]).toEqual([403, "denied"]);
      const there = await ask(spelled(`${last}-${last.replace("e", "f")}-terminal-1.${PARENT}`));
      expect(codeOf(there?.body ?? "")).toBe("no_upstream");
    }
  });
});

test("D3 among 100,000 projects a change of one is enforced at once, and no other is touched", async () => {
  const { host, placed, witness } = await bench.scene({ own: { default: "deny" } });
  expect((await ask(host))?.status).toBe(403);
  await placed.change({ programs: { terminal: witness.port } });
  expect([(await ask(host))?.status, (await ask(denied.host))?.status]).toEqual([200, 403]);
});

test("H2 a trailing dot is the same host with the same decision, two are 400", async () => {
  expect((await ask(`${allowed.host}.`))?.status).toBe(200);
  expect((await ask(`${denied.host}.`))?.status).toBe(403);
  expect((await ask(`${allowed.host}..`))?.status).toBe(400);
});

test.each([":443", ":1", ":65535"])("H3 a port is not part of the host: %s", async (tail) => {
  expect((await ask(`${allowed.host}${tail}`))?.status).toBe(200);
  expect((await ask(`${denied.host}${tail}`))?.status).toBe(403);
});

describe("a Host that is none is 400 and the upstream sees nothing", () => {
  const malformed: [string, (host: string) => string[]][] = [
    ...[":", ":0", ":65536", ":abc", ":-1", ":080", ":4294967739"].map(
      (tail): [string, (host: string) => string[]] => [
        `H3 ${tail} is no port`,
        (host) => [host + tail],
      ],
    ),
    ["H4 two equal Host lines", (host) => [host, host]],
    ["H4 two different Host lines", (host) => [host, "example.test"]],
    ["H4 two different Host lines, the other way round", (host) => ["example.test", host]],
    ["H4 a Host line and an empty one", (host) => [host, ""]],
    ["H5 an empty Host", () => [""]],
    ["H5 no Host in HTTP/1.1", () => []],
    ...["@", "/", "\\", "?", "#", ",", "%", " ", "\t", "\x01", "\x7f", "\x80", "\xff", "_"].map(
      (character): [string, (host: string) => string[]] => [
        `H6 ${JSON.stringify(character)} inside`,
        (host) => [`${host.slice(0, 5)}${character}${host.slice(5)}`],
      ],
    ),
    ["H6 userinfo", (host) => [`user:pass@${host}`]],
    ["H6 a path behind it", (host) => [`${host}/x`]],
    ["H6 a NUL", (host) => [`${host}\0`]],
    ["H7 an encoded letter", (host) => [host.replace("a", "%61")]],
    ["H7 an encoded dot", (host) => [host.replace(".", "%2e")]],
  ];

  test.each(malformed)("%s", async (_what, hosts) => {
    const place = await bench.scene();
    const lines = hosts(place.host).map((host) => `Host: ${host}`);
    const head = ["GET / HTTP/1.1", ...lines, "Connection: close"].join("\r\n");
    const answers = answersIn(await untilClosed(port, `${head}\r\n\r\n`));
    expect(answers.map(({ status }) => status)).toEqual([400]);
    await untouched(place, port);
  });

  test("H5 no Host in HTTP/1.0", async () => {
    const answers = answersIn(await untilClosed(port, "GET / HTTP/1.0\r\n\r\n"));
    expect(answers.map(({ status, body }) => [status, codeOf(body)])).toEqual([[400, "bad_host"]]);
  });
});

test("H8 an absolute target whose authority is the Host is 200, and the upstream gets the path alone", async () => {
  const { host, witness } = await bench.scene();
  expect((await ask(host, `GET http://${host}/x?y=1 HTTP/1.1`))?.status).toBe(200);
  expect(witness.requests.map(({ line }) => line)).toEqual(["GET /x?y=1 HTTP/1.1"]);
});

const other = onEdge({
  serve: "is hidden by the runtime: the Host alone decides and routes",
  wire: "is refused",
});
test(`H8 another authority ${other}, never one the policy and the other the way`, async () => {
  const open = await bench.scene();
  const closed = await bench.scene(grants(ip("203.0.113.0/24")));
  expect((await ask(open.host, `GET http://${closed.host}/a HTTP/1.1`))?.status).toBe(
    onEdge({ serve: 200, wire: 400 }),
  );
  expect((await ask(closed.host, `GET http://${open.host}/b HTTP/1.1`))?.status).toBe(
    onEdge({ serve: 403, wire: 400 }),
  );
  expect(open.witness.requests.map(({ line }) => line)).toEqual(
    onEdge({ serve: ["GET /a HTTP/1.1"], wire: [] }),
  );
  await untouched(closed, port);
});

test.each([
  ["CONNECT to the host itself", (host: string) => `CONNECT ${host}:443 HTTP/1.1`, 405],
  ["CONNECT to somewhere else", () => "CONNECT example.test:443 HTTP/1.1", 405],
  ["CONNECT with a path", () => "CONNECT / HTTP/1.1", onEdge({ serve: 405, wire: 400 })],
  ["GET of an authority", () => "GET example.test:80 HTTP/1.1", 400],
  ["GET of another scheme", () => "GET ftp://example.test/ HTTP/1.1", 400],
  ["OPTIONS *", () => "OPTIONS * HTTP/1.1", 400],
  ["GET *", () => "GET * HTTP/1.1", 400],
  ["a target without a slash", () => "GET x HTTP/1.1", 400],
  ["TRACE", () => "TRACE / HTTP/1.1", 405],
])("H9 %s is refused and the upstream sees nothing", async (_what, line, status) => {
  const place = await bench.scene();
  expect((await ask(place.host, line(place.host)))?.status).toBe(status);
  await untouched(place, port);
});

const refused = onEdge({ serve: 400, wire: 505 });
test(`H10 HTTP/2 is not spoken in the clear: its preface is ${refused} and ends the connection`, async () => {
  const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
  expect(await untilClosed(port, preface)).toStartWith(`HTTP/1.1 ${refused} `);
});

describe("H12 each request of a connection is decided by itself", () => {
  test("H12 one after the other", async () => {
    const closed = await bench.scene(grants(ip("203.0.113.0/24")));
    const wire = new Wire(port);
    const statuses: (number | undefined)[] = [];
    for (const host of [allowed.host, closed.host, allowed.host, "x.test", allowed.host]) {
      statuses.push((await wire.send(request(host)).answer())?.status);
    }
    wire.end();
    expect(statuses).toEqual([200, 403, 200, 404, 200]);
    await untouched(closed, port);
  });

  const together = onEdge({ serve: "the runtime ends the connection", wire: "answered in order" });
  test(`H12 sent at once: ${together}, and the denied one reaches nobody`, async () => {
    const closed = await bench.scene(grants(ip("203.0.113.0/24")));
    const close = onEdge({ serve: [], wire: ["Connection: close"] });
    const last = request(closed.host, "GET / HTTP/1.1", ...close);
    const received = await untilClosed(port, request(allowed.host) + last);
    expect(answersIn(received).map(({ status }) => status)).toEqual(
      onEdge({ serve: [], wire: [200, 403] }),
    );
    if (onEdge({ serve: true, wire: false })) expect(received).toBe("");
    const wire = new Wire(port).send(request(closed.host) + request(closed.host));
    expect([(await wire.answer())?.status, (await wire.answer())?.status]).toEqual([403, 403]);
    wire.end();
    await untouched(closed, port);
  });
});

describe("a host that is no place here is refused and no upstream sees anything", () => {
  const id = "0123456789abcdef01234567";
  const cases: [string, (p: string, c: string) => string, number][] = [
    ["H13 23 digits", (p, c) => `${p.slice(1)}-${c}-terminal-1.${PARENT}`, 404],
    ["H13 25 digits", (p, c) => `${p}-${c}0-terminal-1.${PARENT}`, 404],
    ["H13 a digit that is none", (p, c) => `${p.slice(1)}g-${c}-terminal-1.${PARENT}`, 404],
    ["H13 a fullwidth digit", (p, c) => `\xef\xbc\x91${p.slice(1)}-${c}-terminal-1.${PARENT}`, 400],
    ...["01", "-1", "1e1", "0x1", "0"].map(
      (n): [string, (p: string, c: string) => string, number] => [
        `H13 instance ${n}`,
        (p, c) => `${p}-${c}-terminal-${n}.${PARENT}`,
        404,
      ],
    ),
    ["H13 instance 10000", (p, c) => `${p}-${c}-n-10000.${PARENT}`, 404],
    ["H13 instance 2^31", (p, c) => `${p}-${c}-n-2147483648.${PARENT}`, 404],
    ["H13 instance 2^32+1", (p, c) => `${p}-${c}-n-4294967297.${PARENT}`, 404],
    ["H13 port 2^16+1", (p, c) => `${p}-${c}-http-65537.${PARENT}`, 404],
    // A label has at most 63 characters: what is longer is no host at all.
    ["H13 instance 2^53+1", (p, c) => `${p}-${c}-n-9007199254740993.${PARENT}`, 400],
    ["H13 instance +1", (p, c) => `${p}-${c}-terminal-+1.${PARENT}`, 400],
    ["H14 one label more", (p, c) => `x.${p}-${c}-terminal-1.${PARENT}`, 404],
    ["H14 ours inside another domain", (p, c) => `${p}-${c}-terminal-1.${PARENT}.evil.com`, 404],
    ["H14 another server", (p, c) => `${p}-${c}-terminal-1.wrong.containers.example.test`, 503],
    [
      "H14 a domain that ends like ours",
      (p, c) => `${p}-${c}-terminal-1.xlocal.containers.example.test`,
      503,
    ],
    ["H14 a program with a dash", (p, c) => `${p}-${c}-ter-minal-1.${PARENT}`, 404],
    ["H14 the ids of another project", (_, c) => `${id}-${c}-terminal-1.${PARENT}`, 503],
  ];

  test.each(cases)("%s", async (_what, hostOf, status) => {
    const place = await bench.scene();
    const { project, container } = place.placed;
    expect((await ask(hostOf(project, container)))?.status).toBe(status);
    await untouched(place, port);
  });

  test("H13 a port that would wrap to a granted one is not granted", async () => {
    const own = { groups: { g: LOCAL }, permissions: { g: { http: [1] } }, default: "deny" };
    const place = await bench.place({ own });
    // 33 = 1 + 32: the next place in a set of 32 bits.
    expect((await ask(place.host("http-33")))?.status).toBe(403);
    expect((await ask(place.host("http-65537")))?.status).toBe(404);
  });
});
