import { describe, expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { SignJWT } from "jose";
import { PARENT, type Placement } from "../harness/change-registry.ts";
import { basic } from "../harness/credentials.ts";
import { code, echoed, FORBIDDEN_PORT, ip, LOCAL, testBench } from "../harness/proxy-bench.ts";

const { ask, place, raw, upstream } = await testBench();

const FAR = ip("203.0.113.0/24");
const TOKEN = { type: "token", header: "X-Key", value: "k3y" };
const PASSWORD = { type: "password", username: "ada", password: "pass:word", salt: "s" };
const SECRET = "0123456789abcdef0123456789abcdef";
const JWT = {
  type: "jwt",
  secret: SECRET,
  sources: ["header:Authorization"],
  claims: { team: "x" },
};
const BASIC = 'Basic realm="realmgate", charset="UTF-8"';

describe("the table of the README (One request)", () => {
  test("row 1: a malformed host is 400, one outside the grammar or an alias 404", async () => {
    const placed = await place();
    expect(await code(await ask(`${placed.host("terminal-1")}:0`))).toEqual([400, "bad_host"]);
    expect(await code(await ask("example.test"))).toEqual([404, "unknown_host"]);
    expect(await code(await ask(`blog.${PARENT}`))).toEqual([404, "unknown_host"]);
  });

  test("row 2: all that is not there answers with the same bytes", async () => {
    const placed = await place();
    const stranger = await place();
    const cases = [
      `${placed.project}-${"0".repeat(24)}-terminal-1.${PARENT}`,
      `${stranger.project}-${placed.container}-terminal-1.${PARENT}`,
      `${"0".repeat(24)}-${placed.container}-terminal-1.${PARENT}`,
      placed.host("terminal-1").replace(".local.", ".other."),
      (await place({ state: { running: false } })).host("terminal-1"),
      (await place({ state: { address: "" } })).host("terminal-1"),
      (await place({ state: { serverName: "other" } })).host("terminal-1"),
    ];
    const answers = new Set<string>();
    for (const host of cases) {
      const response = await ask(host);
      const headers = Object.fromEntries(response.headers);
      delete headers["x-realmgate-request-id"];
      delete headers.date;
      answers.add(JSON.stringify([response.status, headers, await response.text()]));
    }
    expect(answers.size).toBe(1);
    expect([...answers][0]).toContain("no_container");
  });

  test.each<[string, Placement, number, string]>([
    ["the container's kill switch", { state: { disabled: true } }, 503, "disabled"],
    ["the project's kill switch", { projectDisabled: true }, 503, "disabled"],
    [
      "a kill switch before a document that would allow",
      { own: { default: "allow" }, projectDisabled: true },
      503,
      "disabled",
    ],
    [
      "a document that does not compile",
      { own: { default: "allow", groups: { g: ip("x") } } },
      503,
      "policy_error",
    ],
    [
      "a match without a grant",
      { own: { groups: { g: LOCAL }, permissions: { g: { display: true } } } },
      403,
      "not_granted",
    ],
    [
      "a match with false",
      { own: { groups: { g: LOCAL }, permissions: { g: { terminal: false } } } },
      403,
      "not_granted",
    ],
    [
      "a match with another instance",
      { own: { groups: { g: LOCAL }, permissions: { g: { terminal: 2 } } } },
      403,
      "not_granted",
    ],
    ["no match, only ip groups", { own: { groups: { g: FAR } } }, 403, "denied"],
    ["no groups at all", { own: { default: "deny" } }, 403, "denied"],
    ["no match, a token group", { own: { groups: { g: TOKEN } } }, 401, "unauthenticated"],
    ["no match, a jwt group", { own: { groups: { g: JWT } } }, 401, "unauthenticated"],
    ["no match, a password group", { own: { groups: { g: PASSWORD } } }, 401, "unauthenticated"],
    [
      "the project's document where there is no own",
      { project: { groups: { g: FAR } } },
      403,
      "denied",
    ],
    [
      "the container's document in place of the project's",
      { own: { groups: { g: FAR } }, project: { default: "allow" } },
      403,
      "denied",
    ],
  ])("%s is refused", async (_what, placement, status, reason) => {
    const placed = await place(placement);
    expect(await code(await ask(placed.host("terminal-1")))).toEqual([status, reason]);
  });

  test("row 6: 401 instead of 403 when a credential would help", async () => {
    const groups = { far: LOCAL, key: PASSWORD };
    const placed = await place({ own: { groups, permissions: { key: { terminal: true } } } });
    const response = await ask(placed.host("terminal-1"));
    expect(response.headers.get("www-authenticate")).toBe(BASIC);
    expect(await code(response)).toEqual([401, "not_granted"]);
  });

  test("rows 4, 5 and 7: open, granted, default_allow; the granting groups are named upstream", async () => {
    const bare = await echoed(await ask((await place()).host("terminal-1")));
    expect(bare.headers["x-realmgate-groups"]).toBeUndefined();
    expect(bare.headers["x-realmgate-program"]).toBe("terminal");
    expect(bare.headers["x-realmgate-instance"]).toBe("1");

    const groups = { near: LOCAL, far: FAR, all: ip("0.0.0.0/0"), other: LOCAL };
    const permissions = {
      near: { terminal: [3, 7] },
      far: { terminal: true },
      all: { terminal: "5-9" },
      other: { display: true },
    };
    const granted = await place({ own: { groups, permissions } });
    const { headers } = await echoed(await ask(granted.host("terminal-7")));
    expect(headers["x-realmgate-groups"]).toBe("near,all");
    expect(headers["x-realmgate-instance"]).toBe("7");

    const fallback = await place({ own: { groups: { g: FAR }, default: "allow" } });
    const unmatched = await echoed(await ask(fallback.host("terminal-1")));
    expect(unmatched.headers["x-realmgate-groups"]).toBeUndefined();
  });

  test("allowed without a port is no_upstream, refused is refused", async () => {
    const placed = await place();
    expect(await code(await ask(placed.host("browser-1")))).toEqual([503, "no_upstream"]);
    await placed.change({ own: { default: "deny" } });
    expect(await code(await ask(placed.host("browser-1")))).toEqual([403, "denied"]);
  });

  test("what must never be dialled is no_upstream", async () => {
    const placed = await place();
    const response = await ask(placed.host(`http-${FORBIDDEN_PORT}`));
    expect(await code(response)).toEqual([503, "no_upstream"]);
  });

  test("a change holds for the next request on the same connection", async () => {
    const placed = await place();
    await echoed(await ask(placed.host("terminal-1")));
    await placed.change({ own: { default: "deny" } });
    expect(await code(await ask(placed.host("terminal-1")))).toEqual([403, "denied"]);
    await placed.change({});
    await echoed(await ask(placed.host("terminal-1")));
  });
});

describe("credentials", () => {
  const only = (group: JsonObject): Placement => ({
    own: { groups: { g: group }, permissions: { g: { terminal: true } } },
  });

  test("a password lets in and is not passed on", async () => {
    const placed = await place(only(PASSWORD));
    const headers = { authorization: basic("ada:pass:word"), "x-other": "1" };
    const seen = await echoed(await ask(placed.host("terminal-1"), { headers }));
    expect(seen.headers.authorization).toBeUndefined();
    expect(seen.headers["x-other"]).toBe("1");
    const wrong = { authorization: basic("ada:wrong") };
    const refused = await ask(placed.host("terminal-1"), { headers: wrong });
    expect(refused.headers.get("www-authenticate")).toBe(BASIC);
    expect(await code(refused)).toEqual([401, "unauthenticated"]);
  });

  test("a credential that was not needed to match is passed on", async () => {
    const placed = await place(only(LOCAL));
    const headers = { authorization: basic("a:b"), cookie: "tok=1" };
    const seen = await echoed(await ask(placed.host("terminal-1"), { path: "/?tok=1", headers }));
    expect([seen.headers.authorization, seen.headers.cookie, seen.target]).toEqual([
      basic("a:b"),
      "tok=1",
      "/?tok=1",
    ]);
  });

  test("a JWT lets in and is passed on", async () => {
    const placed = await place(only(JWT));
    const sign = (claims: Record<string, unknown>) =>
      new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(Buffer.from(SECRET));
    const authorization = `Bearer ${await sign({ team: "x" })}`;
    for (let i = 0; i < 2; i++) {
      const seen = await echoed(
        await ask(placed.host("terminal-1"), { headers: { authorization } }),
      );
      expect(seen.headers.authorization).toBe(authorization);
    }
    const other = { authorization: `Bearer ${await sign({ team: "y" })}` };
    const refused = await ask(placed.host("terminal-1"), { headers: other });
    expect(await code(refused)).toEqual([401, "unauthenticated"]);
  });

  test("a token in a header lets in and is not passed on", async () => {
    const placed = await place(only(TOKEN));
    const headers = { "X-Key": "k3y", "x-other": "1" };
    const seen = await echoed(await ask(placed.host("terminal-1"), { headers }));
    expect([seen.headers["x-key"], seen.headers["x-other"]]).toEqual([undefined as never, "1"]);
  });

  test("a token in a cookie lets in and only its pair is taken out", async () => {
    const placed = await place(only({ type: "token", cookie: "tok", value: "v" }));
    const ask1 = (cookie: string) => ask(placed.host("terminal-1"), { headers: { cookie } });
    expect((await echoed(await ask1('a="1"; tok=v; b= 2'))).headers.cookie).toBe('a="1"; b= 2');
    expect((await echoed(await ask1("tok=v"))).headers.cookie).toBeUndefined();
    expect(await code(await ask1("tok=v; tok=v"))).toEqual([401, "unauthenticated"]);
  });

  test("a token in the query lets in and only it is taken out", async () => {
    const placed = await place(only({ type: "token", param: "tok", value: "a b" }));
    const target = async (path: string) =>
      (await echoed(await ask(placed.host("terminal-1"), { path }))).target;
    expect(await target("/x?a=%2f&tok=a+b&b=+")).toBe("/x?a=%2f&b=+");
    expect(await target("/x?%74ok=a%20b")).toBe("/x");
    const twice = await ask(placed.host("terminal-1"), { path: "/?tok=a+b&tok=a+b" });
    expect(await code(twice)).toEqual([401, "unauthenticated"]);
  });

  test("two header lines never match, whichever is good", async () => {
    const placed = await place(only(TOKEN));
    const lines = [
      ["k3y", "bad"],
      ["bad", "k3y"],
      ["k3y", "k3y"],
      ["k3y", ""],
      ["", "k3y"],
    ];
    for (const [first, second] of lines) {
      const answer = await raw(
        `GET / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\nX-Key: ${first}\r\nX-Key: ${second}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toStartWith("HTTP/1.1 401 ");
    }
  });

  test("two Authorization lines never match", async () => {
    const placed = await place(only(PASSWORD));
    const good = basic("ada:pass:word");
    for (const [first, second] of [
      [good, basic("x:y")],
      [basic("x:y"), good],
      [good, good],
    ]) {
      const answer = await raw(
        `GET / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\nAuthorization: ${first}\r\nAuthorization: ${second}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toStartWith("HTTP/1.1 401 ");
    }
  });

  test("a credential for one container means nothing to another", async () => {
    await place(only(TOKEN));
    const other = await place(only({ ...TOKEN, value: "other" }));
    const refused = await ask(other.host("terminal-1"), { headers: { "x-key": "k3y" } });
    expect(await code(refused)).toEqual([401, "unauthenticated"]);
  });
});

describe("ports", () => {
  test("a program cannot be reached around its name", async () => {
    const port = upstream.port ?? 0;
    const permissions = { g: { terminal: false, http: true, https: true, display: true } };
    const own = { groups: { g: LOCAL }, permissions };
    const placed = await place({ own, programs: { display: [port - 4, 1] } });
    for (const service of [`http-${port}`, `https-${port}`, "terminal-1", "display-5"]) {
      expect(await code(await ask(placed.host(service)))).toEqual([403, "not_granted"]);
    }
  });

  test("a port of nobody is decided as http", async () => {
    const port = upstream.port ?? 0;
    const own = { groups: { g: LOCAL }, permissions: { g: { http: port } } };
    const placed = await place({ own, programs: { terminal: 1 } });
    const { headers } = await echoed(await ask(placed.host(`http-${port}`)));
    expect(headers["x-realmgate-program"]).toBe("http");
    expect(headers["x-realmgate-instance"]).toBe(String(port));
    expect(await code(await ask(placed.host("http-2")))).toEqual([403, "not_granted"]);
  });

  test("http-22 is ssh", async () => {
    const permissions = { g: { http: true, ssh: false } };
    const placed = await place({ own: { groups: { g: LOCAL }, permissions } });
    expect(await code(await ask(placed.host("http-22")))).toEqual([403, "not_granted"]);
  });

  test("an instance has its own port when there is a stride", async () => {
    const placed = await place({ programs: { code: [(upstream.port ?? 0) - 2, 1] } });
    const { headers } = await echoed(await ask(placed.host("terminal-1")));
    expect(headers["x-realmgate-program"]).toBe("terminal");
    expect((await echoed(await ask(placed.host("code-3")))).headers["x-realmgate-program"]).toBe(
      "terminal",
    );
  });
});
