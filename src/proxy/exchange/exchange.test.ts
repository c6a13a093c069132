import { describe, expect, test } from "bun:test";
import type { CredentialLocation } from "../../policy/credential-location.ts";
import type { Allowed } from "../gate/authorize.ts";
import type { Route } from "../snapshot/snapshot.ts";
import { Exchange } from "./exchange.ts";

function watched() {
  const told: string[] = [];
  const watch = {
    answered: (exchange: Exchange) => told.push(`answered ${exchange.status} ${exchange.reason}`),
    ended: (exchange: Exchange) => told.push(`ended ${exchange.end}`),
  };
  return { told, exchange: new Exchange(watch, "id", "GET", "127.0.0.1") };
}

const host = {
  kind: "direct",
  project: "p",
  container: "c",
  program: "http",
  instance: 80,
} as const;

/** What lets a request through: without a document, by these groups, or (null) by the default. */
function allowed(
  by: "open" | readonly string[] | null,
  spent: readonly CredentialLocation[] = [],
): Allowed {
  const policy = by === "open" ? null : {};
  return {
    allow: true,
    host,
    alias: null,
    route: { policy } as Route,
    groups: by === "open" ? null : by,
    consumedCredentials: spent,
    jwtSources: [],
    unverifiedSources: [],
    passedPreflight: false,
    untimely: false,
    subject: null,
    untilMs: Number.POSITIVE_INFINITY,
  };
}

const question = {
  host,
  presented: { header: () => null, cookie: () => null, param: () => null },
  client: "127.0.0.1",
  isPreflight: false,
};

describe("an exchange is told of once", () => {
  test.each<[string, (exchange: Exchange) => void, string[]]>([
    [
      "answered, then over",
      (exchange) => {
        exchange.passes(200);
        exchange.ended("complete");
      },
      ["answered 200 granted", "ended complete"],
    ],
    [
      "over before it is answered: the upstream's part was there as a whole",
      (exchange) => {
        exchange.ended("complete");
        exchange.passes(200);
      },
      ["answered 200 granted", "ended complete"],
    ],
    [
      "over twice: the first counts",
      (exchange) => {
        exchange.passes(200);
        exchange.ended("revoked");
        exchange.ended("client_gone");
      },
      ["answered 200 granted", "ended revoked"],
    ],
    [
      "refused",
      (exchange) => exchange.refused("no_upstream", 503),
      ["answered 503 no_upstream", "ended complete"],
    ],
    [
      "refused because the upstream broke off",
      (exchange) => {
        exchange.ended("broken");
        exchange.refused("upstream_unreachable", 502);
      },
      ["answered 502 upstream_unreachable", "ended complete"],
    ],
    [
      "left by its client before there was an answer",
      (exchange) => {
        exchange.ended("client_gone");
        exchange.refused("upstream_unreachable", 502);
      },
      ["answered null client_gone", "ended client_gone"],
    ],
    [
      "answered twice: the first counts",
      (exchange) => {
        exchange.refused("bad_host", 400);
        exchange.refused("internal_error", 500);
      },
      ["answered 400 bad_host", "ended complete"],
    ],
  ])("%s", (_what, lead, expected) => {
    const { told, exchange } = watched();
    exchange.authorized(question, allowed(["partners"]));
    lead(exchange);
    expect(told).toEqual(expected);
  });
});

describe("what it was authorized as", () => {
  test.each([
    ["open", "open", null],
    ["granted", ["a", "b"], ["a", "b"]],
    ["default_allow", null, null],
  ] as const)("%s", (reason, by, groups) => {
    const { exchange } = watched();
    exchange.authorized(question, allowed(by));
    exchange.passes(200);
    expect([exchange.reason, exchange.groups, exchange.host]).toEqual([reason, groups, host]);
  });

  test("a preflight that passed is one, whatever the default", () => {
    const { exchange } = watched();
    exchange.authorized(question, { ...allowed(null), passedPreflight: true });
    exchange.passes(204);
    expect([exchange.reason, exchange.groups]).toEqual(["preflight", null]);
  });

  test("an alias is named whether or not it leads anywhere", () => {
    const { exchange } = watched();
    const byAlias = { ...question, host: { kind: "alias", name: "blog" } as const };
    exchange.authorized(byAlias, {
      allow: false,
      host: null,
      reason: "unknown_host",
      denial: undefined,
      wrongCredential: false,
      isReadable: false,
      subject: null,
    });
    expect([exchange.alias, exchange.host]).toEqual(["blog", null]);
  });

  test("a trace id that was a credential is none", () => {
    const { exchange } = watched();
    exchange.traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    exchange.authorized(question, allowed(["a"], [{ kind: "header", name: "traceparent" }]));
    expect(exchange.traceId).toBeNull();
  });
});

test("what is served here is no answer of the upstream, though it is passed on in the end", () => {
  const { told, exchange } = watched();
  exchange.authorized(question, allowed("open"));
  exchange.serves(203);
  exchange.passes(203);
  exchange.ended("complete");
  expect(told).toEqual(["answered 203 open", "ended complete"]);
  expect(exchange.fromUpstream).toBe(false);
});
