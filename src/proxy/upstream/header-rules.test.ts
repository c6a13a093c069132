import { describe, expect, test } from "bun:test";
import { removeHopByHop, stripForwardedHeaders } from "./header-rules.ts";

const names = (headers: Headers) => [...headers.keys()];

describe("hop by hop", () => {
  test("the fixed list goes, the rest stays", () => {
    const headers = new Headers({
      connection: "keep-alive",
      "keep-alive": "timeout=5",
      "proxy-connection": "keep-alive",
      "proxy-authorization": "Basic eA==",
      te: "trailers",
      trailer: "x-sum",
      "transfer-encoding": "chunked",
      upgrade: "h2c",
      "http2-settings": "x",
      expect: "100-continue",
      "content-length": "3",
      accept: "*/*",
    });
    removeHopByHop(headers);
    expect(names(headers)).toEqual(["accept", "content-length"]);
  });

  test("what Connection names goes too", () => {
    const headers = new Headers({
      connection: "close, X-Hop , x-hip",
      "x-hop": "1",
      "x-hip": "2",
      "x-a": "3",
    });
    removeHopByHop(headers);
    expect(names(headers)).toEqual(["x-a"]);
  });

  test.each([
    "content-length",
    "host",
    "authorization",
    "cookie",
    "x-forwarded-for",
    "x-forwarded-host",
    "forwarded",
    "x-real-ip",
  ])("but Connection cannot take away %s", (name) => {
    const headers = new Headers({ connection: name.toUpperCase(), [name]: "1" });
    removeHopByHop(headers);
    expect(names(headers)).toEqual([name]);
  });

  test("garbage in Connection does no harm", () => {
    const headers = new Headers({ connection: ", ,x y,a:b,(c)", "x-a": "1" });
    removeHopByHop(headers);
    expect(names(headers)).toEqual(["x-a"]);
  });
});

describe("forwarded headers", () => {
  const forwarded = {
    "x-realmgate-groups": "admin",
    x_realmgate_groups: "admin",
    "x-realmgate_program": "x",
    "x-forwarded-for": "1.2.3.4",
    "x-forwarded-prefix": "/a",
    x_forwarded_for: "1.2.3.4",
    x_real_ip: "1.2.3.4",
    "x-real-ip": "1.2.3.4",
    forwarded: "for=1.2.3.4",
    "x-other_name": "kept",
    accept: "*/*",
  };

  test("of an untrusted peer all go", () => {
    const headers = new Headers(forwarded);
    stripForwardedHeaders(headers, new Headers(forwarded), false);
    expect(names(headers)).toEqual(["accept", "x-other_name"]);
  });

  test("of a trusted peer forwarding headers stay, but not their imitations and never ours", () => {
    const headers = new Headers(forwarded);
    stripForwardedHeaders(headers, new Headers(forwarded), true);
    expect(names(headers)).toEqual([
      "accept",
      "forwarded",
      "x-forwarded-for",
      "x-forwarded-prefix",
      "x-other_name",
      "x-real-ip",
    ]);
  });
});
