import { describe, expect, spyOn, test } from "bun:test";
import type { CredentialLocation } from "../../policy/credential-location.ts";
import { cookieWithout, RequestCredentials, targetWithout } from "./credentials.ts";

function presented(init: {
  target?: string;
  headers?: Record<string, string>;
}): RequestCredentials {
  return new RequestCredentials(new Headers(init.headers), init.target ?? "/");
}

describe("a header", () => {
  test.each([
    ["Bearer a", "Bearer a", "alone"],
    ["", null, "empty"],
    ["Bearer good, Bearer bad", null, "two lines as the runtime joins them"],
    ["good, ", null, "an empty second line"],
    [", good", null, "an empty first line"],
    ["a,b", "a,b", "a comma of its own"],
  ])("of %j gives %j: %s", (value, expected) => {
    // Headers trims what a server hands over untrimmed.
    const headers = { get: () => value, forEach: () => {} };
    expect(new RequestCredentials(headers, "/").header("authorization")).toBe(expected);
  });

  test("that is absent gives null", () => {
    expect(presented({}).header("authorization")).toBeNull();
  });
});

describe("a cookie", () => {
  test.each([
    ["tok=good", "good", "alone"],
    ["a=1; tok=good; b=2", "good", "among others"],
    ["a=1;tok=good", "good", "without a space"],
    ["tok=a=b==", "a=b==", "with equals signs in its value"],
    ['tok="good"', '"good"', "quoted: raw"],
    ["tok=good; tok=good", null, "twice, even if equal"],
    ["tok=; tok=good", null, "twice, once empty"],
    ["tok=good; TOK=bad", "good", "another letter case is another name"],
    ["xtok=bad", null, "a longer name"],
    ["tok", null, "without a value"],
    ["tok=", null, "empty"],
    ["=good", null, "without a name"],
    ["tok =good", null, "a name with a space"],
    ["a=1, tok=good", null, "commas do not separate"],
  ])("in %j gives %j: %s", (cookie, expected) => {
    expect(presented({ headers: { cookie } }).cookie("tok")).toBe(expected);
  });

  test("without a Cookie header gives null", () => {
    expect(presented({}).cookie("tok")).toBeNull();
  });
});

describe("a query parameter", () => {
  test.each([
    ["?tok=good", "good", "alone"],
    ["?a=1&tok=good&b=2", "good", "among others"],
    ["?%74ok=good", "good", "an encoded name"],
    ["?tok=a%20b", "a b", "an encoded space"],
    ["?tok=a+b", "a b", "a plus is a space"],
    ["?tok=a%2Bb", "a+b", "an encoded plus is a plus"],
    ["?tok=%2525", "%25", "decoded once"],
    ["?tok=%C3%A9", "\u00e9", "UTF-8"],
    ["?tok=a=b", "a=b", "an equals sign in the value"],
    ["?tok=a&tok=b", null, "twice"],
    ["?tok=good&%74ok=good", null, "twice, once encoded"],
    ["?tok&tok=good", null, "twice, once without a value"],
    ["?tok=%zz&tok=good", null, "twice, once malformed"],
    ["?tok=%zz", null, "malformed percent"],
    ["?tok=%E9", null, "not UTF-8"],
    ["?tok=%C0%AF", null, "overlong UTF-8"],
    ["?tok=", null, "empty"],
    ["?tok", null, "without a value"],
    ["?TOK=good", null, "another letter case"],
    ["?tok[]=good", null, "brackets"],
    ["?a=1;tok=good", null, "a semicolon does not separate"],
    ["#tok=good", null, "in the fragment"],
    ["#?tok=good", null, "in the fragment after a question mark"],
    ["?a=1#&tok=good", null, "in the fragment after a query"],
    ["?%zz=1&tok=good", "good", "a malformed neighbour"],
    ["?x?tok=good", null, "a second question mark is part of a name"],
    ["", null, "no query"],
  ])("in %j gives %j: %s", (query, expected) => {
    expect(presented({ target: `/p${query}` }).param("tok")).toBe(expected);
  });
});

test("cookies and query are read once a request, however many names are asked for", () => {
  let read = 0;
  const headers = {
    get() {
      read++;
      return "a=1; tok=good";
    },
    forEach: () => {},
  };
  const credentials = new RequestCredentials(headers, "/?a=1&tok=good");
  const split = spyOn(String.prototype, "split");
  try {
    for (let i = 0; i < 32; i++) {
      expect(credentials.cookie(`c${i}`)).toBeNull();
      expect(credentials.param(`p${i}`)).toBeNull();
    }
    expect([credentials.cookie("tok"), credentials.param("tok")]).toEqual(["good", "good"]);
    expect(split.mock.contexts.filter((text) => String(text).includes("tok=good"))).toHaveLength(2);
  } finally {
    split.mockRestore();
  }
  expect(read).toBe(1);
});

const consumedCookie: CredentialLocation[] = [{ kind: "cookie", name: "tok" }];
const consumedParam: CredentialLocation[] = [{ kind: "param", name: "tok" }];

describe("a consumed cookie", () => {
  test.each([
    ["tok=x", null],
    ["tok=x;", ""],
    ["tok=x; a=1", "a=1"],
    ["a=1; tok=x", "a=1"],
    ['a=1;  tok=x;b="2" ; c', 'a=1;b="2" ; c'],
    ["a=1; xtok=2", "a=1; xtok=2"],
  ])("leaves of %j %j", (line, rest) => {
    expect(cookieWithout(line, consumedCookie)).toBe(rest === "" ? null : rest);
  });

  test("is left alone when something else was consumed", () => {
    expect(cookieWithout(" tok=x", consumedParam)).toBe(" tok=x");
  });
});

describe("a consumed parameter", () => {
  test.each([
    ["/p?tok=x", "/p"],
    ["/p?tok=x&a=1", "/p?a=1"],
    ["/p?a=%2f&tok=x&b=+", "/p?a=%2f&b=+"],
    ["/p?%74ok=x&a", "/p?a"],
    ["/p?a=1", "/p?a=1"],
    ["/p", "/p"],
    ["/tok=x?", "/tok=x"],
  ])("leaves of %j %j", (target, rest) => {
    expect(targetWithout(target, consumedParam)).toBe(rest);
  });

  test("is left alone when something else was consumed", () => {
    expect(targetWithout("/p?tok=x", consumedCookie)).toBe("/p?tok=x");
  });
});
