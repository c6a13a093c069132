// C11: a JWT is the one credential that programs get to see. Where a group granted, they see none that the gate has not verified.
import { afterAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import http2 from "node:http2";
import type { JsonObject } from "@bufbuild/protobuf";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import { basic, hs256 } from "../harness/credentials.ts";
import { caseBench, type Scene } from "../harness/gate.ts";
import { LOCAL } from "../harness/proxy-bench.ts";
import { PairFiles, pairFor } from "../harness/tls-bench.ts";
import { answerTo, request } from "../harness/wire.ts";

const bench = await caseBench();
const edges = {
  wire: await startProxy(bench.options({ plainEdge: "wire" }), bench.registry),
  serve: await startProxy(bench.options({ plainEdge: "serve" }), bench.registry),
};
afterAll(async () => {
  for (const edge of Object.values(edges)) await edge.stop(true);
});

const GOOD = hs256("secret", { sub: "eve" });
const EVIL = hs256("another", { sub: "root", role: "admin" });
const EXPIRED = hs256("secret", { sub: "root", exp: 1 });

const jwt = (...sources: string[]) => ({ type: "jwt", secret: "secret", sources });
const granting = (...groups: JsonObject[]) => ({
  own: {
    groups: Object.fromEntries(groups.map((group, n) => [`g${n}`, group])),
    permissions: Object.fromEntries(groups.map((_, n) => [`g${n}`, { terminal: true }])),
    default: "deny",
  },
});

/** The status, and the lines of these fields that the program gets, in whatever spelling. */
async function seen(edge: ProxyServer, scene: Scene, lines: string[], body = "") {
  expect(await edge.reached(bench.registry.revision, 10_000)).toBe(true);
  const method = body === "" ? "GET" : "POST";
  const before = scene.witness.requests.length;
  const answer = await answerTo(
    edge.port,
    request(scene.host, `${method} / HTTP/1.1`, ...lines) + body,
  );
  const [got] = scene.witness.requests.slice(before);
  const kept = (got?.headers ?? []).filter(([name]) => /auth|cookie|^x.a/.test(name));
  return [answer?.status, ...kept.map(([name, value]) => `${name}: ${value}`).toSorted()];
}

describe.each(Object.entries(edges))("C11 on the %s edge", (_name, edge) => {
  const COOKIE = granting(jwt("cookie:session"));
  const signed = (line: string) => line.replace("GOOD", GOOD).replace("EVIL", EVIL);

  test.each([
    "session =EVIL; session=GOOD",
    "session=GOOD; session =EVIL",
    "session\t=EVIL; session=GOOD",
    "session\xa0=EVIL; session=GOOD",
    "\xa0session=EVIL; session=GOOD",
    "a=1;\x85 session=EVIL; session=GOOD",
  ])("of two cookies that some read as one name neither counts: %j", async (line) => {
    const lines = [`Cookie: ${signed(line)}`];
    expect(await seen(edge, await bench.scene(COOKIE), lines)).toEqual([401]);
  });

  test.each([
    ["Session=EVIL; a=1; session=GOOD", "a=1; session=GOOD"],
    ["session=GOOD; a=1; SESSION=EVIL", "session=GOOD; a=1"],
    ["%73ession=EVIL; session=GOOD", "session=GOOD"],
    ["a=1, session=EVIL; session=GOOD", "session=GOOD"],
    ["session=GOOD; a=1 session=EVIL", "session=GOOD"],
    ["session=GOOD; a=1\xa0session=EVIL; b=2", "session=GOOD; b=2"],
    ["session; session=GOOD", "session=GOOD"],
    ["%20session=EVIL; session=GOOD", "session=GOOD"],
    ["session=GOOD; session+=EVIL; %2Bsession=EVIL", "session=GOOD"],
    ["session%00=EVIL; session%00x=EVIL; session=GOOD", "session=GOOD"],
    ["session=GOOD; a=1&session=EVIL; b=1&c=2", "session=GOOD; b=1&c=2"],
    ["session[]=EVIL; session[x]=EVIL; session=GOOD", "session=GOOD"],
    ['"session"=EVIL; "\\163ession"=EVIL; =session=EVIL; session=GOOD', "session=GOOD"],
    ["%2573ession=EVIL; %u0073ession=EVIL; %C5%BFession=EVIL; session=GOOD", "session=GOOD"],
    ['a=session; xsession=1;  session=GOOD;b="2"', 'a=session; xsession=1;  session=GOOD;b="2"'],
  ])("no cookie that some read under that name goes with it: %j", async (line, rest) => {
    const lines = [`Cookie: ${signed(line)}`];
    const passed = [200, `cookie: ${signed(rest)}`];
    expect(await seen(edge, await bench.scene(COOKIE), lines)).toEqual(passed);
  });

  test("nor one with a character that stands for another", async () => {
    const scene = await bench.scene(granting(jwt("cookie:my_session")));
    for (const name of ["my.session", "my session", "my-session", "my%5Fsession"]) {
      const line = `${name}=${EVIL}; my_session=${GOOD}`;
      expect(await seen(edge, scene, [`Cookie: ${line}`])).toEqual([
        200,
        `cookie: my_session=${GOOD}`,
      ]);
    }
  });

  test("of several sources only those pass that hold what was verified", async () => {
    const scene = await bench.scene(granting(jwt("header:Authorization", "cookie:session")));
    const good = `Authorization: Bearer ${GOOD}`;
    const passed = `authorization: Bearer ${GOOD}`;
    for (const evil of [EVIL, EXPIRED, "x", "", `${GOOD}; session=${EVIL}`]) {
      expect(await seen(edge, scene, [good, `Cookie: session=${evil}; a=1`])).toEqual([
        200,
        passed,
        "cookie: a=1",
      ]);
      expect(await seen(edge, scene, [good, `Cookie: session=${evil}`])).toEqual([200, passed]);
    }
    for (const evil of [`Bearer ${EVIL}`, `Bearer ${EXPIRED}`, EVIL, `Basic ${EVIL}`, "x y"]) {
      const lines = [`Authorization: ${evil}`, `Cookie: session=${GOOD}`];
      expect(await seen(edge, scene, lines)).toEqual([200, `cookie: session=${GOOD}`]);
    }
    const twice = [good, good, `Cookie: session=${GOOD}`];
    expect(await seen(edge, scene, twice)).toEqual([200, `cookie: session=${GOOD}`]);
    expect(await seen(edge, scene, [good, `Cookie: session=${GOOD}`])).toEqual([
      200,
      passed,
      `cookie: session=${GOOD}`,
    ]);
  });

  test("a user name and password are no JWT: they pass", async () => {
    const scene = await bench.scene(granting(jwt("header:Authorization", "cookie:session")));
    const lines = [`Authorization: ${basic("ada:pw")}`, `Cookie: session=${GOOD}`];
    expect(await seen(edge, scene, lines)).toEqual([
      200,
      `authorization: ${basic("ada:pw")}`,
      `cookie: session=${GOOD}`,
    ]);
  });

  test("several groups that read one source, of which one has verified it", async () => {
    const source = "header:X-Auth-Token";
    const other = { ...jwt(source), secret: "other" };
    const strict = { ...jwt(source), claims: { role: "admin" } };
    const scene = await bench.scene(granting(other, strict, jwt(source, "header:X-Also")));
    expect(await seen(edge, scene, [`X-Auth-Token: ${GOOD}`, `X-Also: ${EVIL}`])).toEqual([
      200,
      `x-auth-token: ${GOOD}`,
    ]);
  });

  test("whichever group granted: an address, another credential", async () => {
    const source = jwt("header:X-Auth-Token", "cookie:session");
    const evil = [`X-Auth-Token: ${EVIL}`, `X_Auth_Token: ${EVIL}`, `Cookie: session=${EVIL}`];
    expect(await seen(edge, await bench.scene(granting(LOCAL, source)), evil)).toEqual([200]);
    const token = { type: "token", header: "X-Also", value: "k3y" };
    const scene = await bench.scene(granting(token, source));
    expect(await seen(edge, scene, ["X-Also: k3y", ...evil])).toEqual([200]);
  });

  test("where no group granted all passes as it came: the program judges by itself", async () => {
    const lines = [`cookie: session=${EVIL}`, `x-auth-token: ${EVIL}`, `x_auth_token: ${GOOD}`];
    const open = await bench.scene();
    expect(await seen(edge, open, lines)).toEqual([200, ...lines]);
    const { own } = granting(jwt("header:X-Auth-Token", "cookie:session"));
    const byDefault = await bench.scene({ own: { ...own, default: "allow" } });
    expect(await seen(edge, byDefault, lines)).toEqual([200, ...lines]);
  });

  test("a header that is spelled apart, or that Connection names", async () => {
    const scene = await bench.scene(granting(jwt("header:X-Auth-Token")));
    const good = `X-Auth-Token: ${GOOD}`;
    const passed = [200, `x-auth-token: ${GOOD}`];
    for (const name of ["X_Auth_Token", "x.auth-token", "X-AUTH_TOKEN"]) {
      expect(await seen(edge, scene, [good, `${name}: ${EVIL}`])).toEqual(passed);
      expect(await seen(edge, scene, [`${name}: ${EVIL}`, good])).toEqual(passed);
    }
    const named = [good, `X_Auth_Token: ${EVIL}`, "Connection: X-Auth-Token"];
    expect(await seen(edge, scene, named)).toEqual(passed);
    expect(await seen(edge, scene, [good, "Connection: close, x-auth-token"])).toEqual(passed);
  });
});

test("C11 no trailer has the name of a place that a group reads", async () => {
  const groups = [jwt("header:X-Auth-Token", "cookie:session"), jwt("header:Authorization")];
  const scene = await bench.scene(granting(...groups));
  const names = ["X-Auth-Token", "x_auth_token", "Cookie", "Authorization", "X-Sum"];
  const trailers = names.map((name) => `${name}: ${EVIL}\r\n`).join("");
  const lines = [`X-Auth-Token: ${GOOD}`, "Transfer-Encoding: chunked"];
  await seen(edges.wire, scene, lines, `3\r\nabc\r\n0\r\n${trailers}\r\n`);
  expect(scene.witness.requests.at(-1)?.body).toBe(`3\r\nabc\r\n0\r\nX-Sum: ${EVIL}\r\n\r\n`);
});

test("C11 over HTTP/2", async () => {
  const files = new PairFiles();
  files.write(pairFor());
  const gate = await startProxy(bench.options({ tls: files.options() }), bench.registry);
  const sources = jwt("header:X-Auth-Token", "cookie:session");
  const scene = await bench.scene(granting(sources));
  expect(await gate.reached(bench.registry.revision, 10_000)).toBe(true);
  const session = http2.connect(`https://127.0.0.1:${gate.tls?.port}`, {
    rejectUnauthorized: false,
  });
  try {
    const stream = session.request({
      ":authority": scene.host,
      "x-auth-token": GOOD,
      x_auth_token: EVIL,
      cookie: [`session=${EVIL}`, "a=1"],
    });
    const [head] = await once(stream, "response");
    stream.close();
    expect(head[":status"]).toBe(200);
    const names = ["x-auth-token", "x_auth_token", "cookie"];
    expect(names.map((name) => scene.witness.latest(name))).toEqual([[GOOD], [], ["a=1"]]);
  } finally {
    session.destroy();
    await gate.stop(true);
  }
});
