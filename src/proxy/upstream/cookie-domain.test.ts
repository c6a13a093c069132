import { describe, expect, test } from "bun:test";
import { confineCookies, confinedCookie } from "./cookie-domain.ts";

const HOST = "p-c-http-80.local.containers.example.test";
const PARENT = "local.containers.example.test";

describe("a Domain that is not the host itself is dropped, however it is spelled", () => {
  test.each([
    `Domain=${PARENT}`,
    `domain=${PARENT}`,
    `DOMAIN=${PARENT.toUpperCase()}`,
    `dOmAiN = .${PARENT}`,
    `\tDomain\t=\t${PARENT}\t`,
    `Domain\x0b=${PARENT}`,
    `\x0cDomain=${PARENT}`,
    `Do\x00main=${PARENT}`,
    `\u00a0Domain=${PARENT}`,
    `Domain="${PARENT}"`,
    `Domain='${PARENT}'`,
    `Domain=${PARENT}.`,
    `Domain=..${HOST}`,
    `Domain=${HOST}.`,
    `Domain="${HOST}"`,
    `Domain=${HOST}:80`,
    `Domain=x.${HOST}`,
    `Domain=example.test`,
    `Domain=test`,
    `Domain=${HOST},${PARENT}`,
    "Domain=",
    "Domain",
    "Domain=.",
    "Domain=ｌocal.containers.example.test",
    "Domain=xn--local-x.containers.example.test",
    `Domain=${HOST}=x`,
  ])("%j", (attribute) => {
    expect(confinedCookie(`tok=x;${attribute}`, HOST)).toBe("tok=x");
    expect(confinedCookie(`tok=x; Path=/;${attribute}; Secure`, HOST)).toBe(
      "tok=x; Path=/; Secure",
    );
    expect(confinedCookie(`tok=x;${attribute};${attribute}`, HOST)).toBe("tok=x");
    expect(confinedCookie(`tok=x; Domain=${HOST};${attribute}`, HOST)).toBe(
      `tok=x; Domain=${HOST}`,
    );
    expect(confinedCookie(`tok=x;${attribute}; Domain=${HOST}`, HOST)).toBe(
      `tok=x; Domain=${HOST}`,
    );
  });
});

test.each([
  "tok=x",
  "",
  "Domain=x",
  "tok=Domain=x; Path=/Domain=y",
  `tok=x; Domain=${HOST}`,
  `tok=x; domain = .${HOST.toUpperCase()} ; HttpOnly`,
  "tok=x; Subdomain=y; SameSite=Lax",
])("%j stays as it is", (cookie) => {
  expect(confinedCookie(cookie, HOST)).toBe(cookie);
});

test("quotes do not hide an attribute: browsers end the value at the semicolon", () => {
  expect(confinedCookie(`tok="a; Domain=${PARENT}; b"`, HOST)).toBe('tok="a; b"');
});

test("each of several lines is looked at, and they stay several and in order", () => {
  const headers = new Headers();
  for (const line of ["a=1", `b=2; Domain=${PARENT}`, `a=3; Domain=.${HOST}; Path=/`]) {
    headers.append("set-cookie", line);
  }
  confineCookies(headers, `${HOST.toUpperCase()}:8080`);
  expect(headers.getSetCookie()).toEqual(["a=1", "b=2", `a=3; Domain=.${HOST}; Path=/`]);
});

test("without a readable host no Domain is kept", () => {
  for (const host of [null, "", "a b"]) {
    const headers = new Headers({ "set-cookie": `a=1; Domain=${HOST}` });
    confineCookies(headers, host);
    expect(headers.getSetCookie()).toEqual(["a=1"]);
  }
});
