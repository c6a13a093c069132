import { describe, expect, test } from "bun:test";
import { inRealm, parseBaseUrl, realmOf } from "./api-host.ts";

const A = "a".repeat(24);
const B = "b".repeat(24);

test.each([
  ["https://api.example.com", "https://api.example.com/"],
  ["https://api.example.com/", "https://api.example.com/"],
  ["https://api.example.com/api/v1/", "https://api.example.com/"],
  ["http://example.com:8080/gate/api/v1", "http://example.com:8080/gate"],
])("%s is the base %s", (text, base) => {
  expect(parseBaseUrl(text).href).toBe(base);
});

describe("the host of a realm", () => {
  test.each([
    ["https://api.example.com", A, `https://${A}.api.example.com/`, "put in front"],
    [`https://${B}.api.example.com`, A, `https://${A}.api.example.com/`, "replaced"],
    [`https://${A}.api.example.com`, A, `https://${A}.api.example.com/`, "there already"],
    [`https://${A}.api.example.com:8443/x`, null, "https://api.example.com:8443/x", "taken off"],
    ["https://api.example.com", null, "https://api.example.com/", "none to take off"],
    ["http://localhost:8080", A, `http://${A}.localhost:8080/`, "on this machine"],
    ["http://127.0.0.1:8080", null, "http://127.0.0.1:8080/", "an address has none"],
  ])("%s in %j is %s: %s", (base, realm, url) => {
    expect(inRealm(parseBaseUrl(base), realm).href).toBe(url);
  });

  test.each(["http://127.0.0.1:8080", "http://[::1]:8080", "http://2130706433:8080"])(
    "cannot be made of the address %s: the message says what to use",
    (base) => {
      expect(() => inRealm(parseBaseUrl(base), A)).toThrow("http://localhost:8080");
    },
  );

  test.each([A.toUpperCase(), "a".repeat(23), `${A}.x`, ""])(
    "is not made of the realm %j",
    (realm) => {
      expect(() => inRealm(parseBaseUrl("https://api.example.com"), realm)).toThrow(
        "24 lower-case",
      );
    },
  );

  test("tells its realm, an upper-case label too, as URLs do not know case", () => {
    expect(realmOf(new URL(`https://${A.toUpperCase()}.api.example.com`))).toBe(A);
    expect(realmOf(new URL("https://api.example.com"))).toBeNull();
  });
});
