import { describe, expect, test } from "bun:test";
import { type Denial, REFUSAL_REASONS, type RefusalReason, refusal } from "./refusal.ts";
import { prefersHtml, type RefusedRequest, renderRefusal } from "./refusal-response.ts";

/** As an edge writes it. */
function refuse(reason: RefusalReason, request: RefusedRequest, denial?: Denial): Response {
  const { status, headers, body } = renderRefusal(refusal(reason, denial), request);
  return new Response(body, { status, headers });
}

const asked = { requestId: "0123456789abcdef01234567", accept: null, hasBody: false, origin: null };

test.each<[RefusalReason, number, string]>([
  ["bad_host", 400, "Bad Request"],
  ["bad_request", 400, "Bad Request"],
  ["unknown_host", 404, "Not Found"],
  ["method_not_allowed", 405, "Method Not Allowed"],
  ["no_container", 503, "Service Unavailable"],
  ["disabled", 503, "Service Unavailable"],
  ["policy_error", 503, "Service Unavailable"],
  ["no_upstream", 503, "Service Unavailable"],
  ["bad_upgrade", 400, "Bad Request"],
  ["overloaded", 503, "Service Unavailable"],
  ["too_many_failures", 429, "Too Many Requests"],
  ["upstream_unreachable", 502, "Bad Gateway"],
  ["upstream_timeout", 504, "Gateway Timeout"],
  ["internal_error", 500, "Internal Server Error"],
])("%s answers %d %s with its reason as code", async (reason, status, error) => {
  const response = refuse(reason, asked);
  const body = await response.json();
  expect(response.status).toBe(status);
  expect(body).toEqual({ statusCode: status, error, message: expect.any(String), code: reason });
  expect(response.headers.get("x-realmgate-request-id")).toBe(asked.requestId);
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(response.headers.get("connection")).toBeNull();
});

test.each([
  ["unauthenticated", 401, "basic", 'Basic realm="realmgate", charset="UTF-8"'],
  ["unauthenticated", 401, "bearer", 'Bearer realm="realmgate"'],
  ["unauthenticated", 401, null, null],
  ["not_granted", 401, "basic", 'Basic realm="realmgate", charset="UTF-8"'],
  ["not_granted", 403, null, null],
  ["denied", 403, null, null],
] as const)("%s with status %d and challenge %s", async (reason, status, challenge, expected) => {
  const response = refuse(reason, asked, { status, challenge });
  expect(response.status).toBe(status);
  expect(response.headers.get("www-authenticate")).toBe(expected);
  expect(await response.json()).toMatchObject({ statusCode: status, code: reason });
});

test.each([
  ["upgrade_required", false, "upgrade", null],
  ["upgrade_required", true, "close, upgrade", null],
  ["websocket_version", false, "upgrade", "13"],
] as const)("%s says what is spoken here instead", (reason, hasBody, connection, version) => {
  const { status, headers } = refuse(reason, { ...asked, hasBody });
  expect([status, headers.get("upgrade")]).toEqual([426, "websocket"]);
  expect(headers.get("connection")).toBe(connection);
  expect(headers.get("sec-websocket-version")).toBe(version);
});

test("a browser gets a page that names the request", async () => {
  const response = refuse("denied", { ...asked, accept: "text/html,*/*;q=0.8" });
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(await response.text()).toContain(asked.requestId);
});

describe("a page", () => {
  const html = { ...asked, accept: "text/html" };
  const app = (program: string, instance: number) => ({
    kind: "direct" as const,
    project: "p",
    container: "c",
    program,
    instance,
  });

  test.each([
    [app("http", 5173), "The app on port 5173 is not running"],
    [app("terminal", 2), "The program terminal-2 is not running"],
    [null, "The app is not running"],
  ])("calls the program as its address does: %j", async (named, heading) => {
    const page = await refuse("upstream_unreachable", { ...html, named }).text();
    expect(page).toContain(`<h1>${heading}</h1>`);
    expect(page).toContain(`<title>${heading}</title>`);
  });

  test.each(REFUSAL_REASONS)(
    "of %s has a viewport, a style that its policy allows, and no more",
    async (reason) => {
      const response = refuse(reason, html);
      const page = await response.text();
      expect(page).toContain(
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
      );
      const [, style = ""] = /<style>(.*?)<\/style>/s.exec(page) ?? [];
      const hash = new Bun.CryptoHasher("sha256").update(style).digest("base64");
      expect(response.headers.get("content-security-policy")).toBe(
        `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`,
      );
      expect(page).not.toMatch(/<script|<img|<link|<form|url\(|style="|\{app\}|undefined/);
      expect(page).not.toMatch(/group/i);
      expect(page).toContain(`<code>${asked.requestId}</code>`);
    },
  );

  test("is the same for everybody who is not let in, whatever kept them out", async () => {
    const denial = { status: 403, challenge: null } as const;
    const prompt = { status: 401, challenge: "basic" } as const;
    const pages = await Promise.all(
      [
        refuse("denied", html, denial),
        refuse("not_granted", html, denial),
        refuse("unauthenticated", html, prompt),
        refuse("not_granted", html, prompt),
      ].map((response) => response.text()),
    );
    expect([pages[0], pages[2]]).toEqual([pages[1], pages[3]]);
  });

  test("shows no markup of a detail", async () => {
    const { body } = renderRefusal(refusal("curl_bad_call", null, '<b a="&">'), html);
    expect(body).toContain("<p>&#60;b a=&#34;&#38;&#34;&#62;</p>");
  });
});

test("the connection ends when a body may still be on its way", () => {
  expect(refuse("denied", { ...asked, hasBody: true }).headers.get("connection")).toBe("close");
});

describe("Accept", () => {
  test.each([
    [null, false],
    ["*/*", false],
    ["application/json", false],
    ["text/html", true],
    ["TEXT/HTML", false],
    ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true],
    ["text/html, application/json", false],
    ["text/html;q=0.5, application/json;q=0.4", true],
    ["text/html;q=0.5, */*", false],
    ["text/html;q=0", false],
    ["text/html;q=x", false],
    ["application/json;q=0.1, */*;q=0.9, text/html;q=0.5", true],
  ])("%j prefers a page: %p", (accept, expected) => {
    expect(prefersHtml(accept)).toBe(expected);
  });
});

describe("a refusal that pages of other origins may read", () => {
  test.each([
    ["https://app.example.com", "https://app.example.com"],
    ["http://localhost:5173", "http://localhost:5173"],
    ["http://[2001:db8::1]:80", "http://[2001:db8::1]:80"],
    ["null", "null"],
    ["https://a.test, https://b.test", undefined],
    ["*", undefined],
    ["https://a.test/path", undefined],
    ["javascript:alert(1)", undefined],
    ["", undefined],
    [`https://${"a".repeat(400)}`, undefined],
  ])("of %j: %p", (origin, allowed) => {
    const { headers } = refuse("denied", { ...asked, origin });
    expect([headers.get("access-control-allow-origin") ?? undefined, headers.get("vary")]).toEqual([
      allowed,
      "Origin",
    ]);
    expect(headers.has("access-control-allow-credentials")).toBe(false);
  });

  test("no other refusal has such fields", () => {
    const { headers } = refuse("denied", asked);
    expect([headers.has("access-control-allow-origin"), headers.has("vary")]).toEqual([
      false,
      false,
    ]);
  });
});
