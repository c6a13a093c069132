import { describe, expect, test } from "bun:test";
import { hostParser } from "../routing/host.ts";
import { gateUrl } from "./url.ts";

const P = "0123456789abcdef01234567";
const C = "89abcdef0123456789abcdef";
const PARENT = "local.containers.example.test";
const HOST = `${P}-${C}-terminal-1.${PARENT}`;
const places = { parseHost: hostParser("local", "example.test"), ports: () => [8000, 8443] };

describe("a URL of this gate", () => {
  test.each([
    [`https://${HOST}/execute`, HOST, "/execute"],
    [`http://${HOST}`, HOST, "/"],
    [`HTTPS://${HOST.toUpperCase()}/A`, HOST.toUpperCase(), "/A"],
    [`https://${HOST}:443/`, `${HOST}:443`, "/"],
    [`http://${HOST}:80/`, `${HOST}:80`, "/"],
    [`http://${HOST}:8000/`, `${HOST}:8000`, "/"],
    [`https://${HOST}:8443/`, `${HOST}:8443`, "/"],
    [`https://${HOST}./a`, `${HOST}.`, "/a"],
    [`https://${HOST}?a=1&b=2`, HOST, "/?a=1&b=2"],
    [`https://${HOST}/a?b=http://evil.test/@x`, HOST, "/a?b=http://evil.test/@x"],
    [`https://${HOST}//evil.test/a`, HOST, "//evil.test/a"],
    [`https://${HOST}/@evil.test/a`, HOST, "/@evil.test/a"],
    [`https://${HOST}/a b/é`, HOST, "/a%20b/%C3%A9"],
    [`https://${HOST}/a/../b/%2e%2e/c`, HOST, "/c"],
    [`https://${HOST}/a#fragment?b`, HOST, "/a"],
    [`https://blog.${P}-${C}-exec-1.${PARENT}/s.ts`, `blog.${P}-${C}-exec-1.${PARENT}`, "/s.ts"],
    [`https://demo.${PARENT}/a`, `demo.${PARENT}`, "/a"],
  ])("%s", (text, host, target) => {
    expect(gateUrl(text, places)).toMatchObject({ host, target });
  });
});

describe("no URL of this gate is", () => {
  test.each([
    ["https://evil.test/", "another host"],
    ["https://example.test/", "the bare domain"],
    [`https://${PARENT}/`, "the server"],
    [`https://api.example.test/api/v1/projects`, "the management API"],
    ["http://127.0.0.1:9090/metrics", "the operators' listener"],
    ["http://127.0.0.1/", "an address"],
    ["http://127.1/", "a short address"],
    ["http://2130706433/", "an address as one number"],
    ["http://0x7f000001/", "a hexadecimal address"],
    ["http://0177.0.0.1/", "an octal address"],
    ["http://[::1]/", "an IPv6 address"],
    ["http://[::ffff:127.0.0.1]:8080/", "a mapped address"],
    ["http://localhost/", "this machine"],
    ["http://169.254.169.254/latest/meta-data", "the cloud's metadata"],
    [`https://${HOST}.evil.test/`, "our host before another"],
    [`https://evil.test.${HOST}/`, "more labels"],
    [`https://${P}-${C}-terminal-1.other.containers.example.test/`, "another server's container"],
    [`https://${HOST}@evil.test/`, "our host as a user"],
    [`https://user:pass@${HOST}/`, "a user"],
    [`https://@${HOST}/`, "an empty user"],
    [`https://evil.test\\@${HOST}/`, "a backslash before an at"],
    [`https://${HOST}\\@evil.test/`, "a backslash after our host"],
    [`https://${HOST}\\.evil.test/`, "a backslash in the host"],
    [`https://${HOST}/a\\b`, "a backslash in the path"],
    [`https:\\\\${HOST}/`, "backslashes for slashes"],
    [`https://${HOST}%2eevil.test/`, "an encoded dot"],
    [`https://${HOST}%00.evil.test/`, "an encoded NUL"],
    [`https://%30${HOST.slice(1)}/`, "an encoded letter"],
    [`https://${HOST.replace("terminal", "termin\u0430l")}/`, "a Cyrillic letter"],
    [`https://${HOST.replace("terminal", "\uff54erminal")}/`, "a fullwidth letter"],
    [`https://${HOST.replaceAll(".", "\u3002")}/`, "ideographic dots"],
    [`https://${HOST}\u00ad/`, "a soft hyphen"],
    [`https://${HOST}../`, "two trailing dots"],
    [`https://${HOST}:8080/`, "the port of another listener"],
    [`https://${HOST}:9090/`, "the port of the operators"],
    [`http://${HOST}:443/`, "the other scheme's port"],
    [`https://${HOST}:080/`, "a port with a zero before it"],
    [`https://${HOST}:0/`, "port zero"],
    [`https://${HOST}:/`, "no port after its colon"],
    [`https://${HOST}:8000:8000/`, "two ports"],
    [`https://${HOST}:8000@evil.test/`, "a port that is a password"],
    [`//${HOST}/`, "no scheme"],
    [`${HOST}/`, "only a host"],
    [`/${HOST}`, "only a path"],
    [`https:/${HOST}/`, "one slash"],
    [`https:///${HOST}/`, "three slashes"],
    [`https:${HOST}/`, "no slash"],
    [`ftp://${HOST}/`, "another scheme"],
    [`file://${HOST}/etc/passwd`, "a file"],
    ["file:///etc/passwd", "a local file"],
    [`gopher://${HOST}:8000/_x`, "gopher"],
    [`blob:https://${HOST}/x`, "a blob"],
    ["data:text/html,x", "data"],
    ["javascript:alert(1)", "a script"],
    [` https://${HOST}/`, "a space before it"],
    [`https://${HOST} /`, "a space in the host"],
    [`https://${HOST}\t.evil.test/`, "a tab"],
    [`https://${HOST}/\r\nX: y`, "a line break"],
    [`ht\ntps://${HOST}/`, "a line break in the scheme"],
    [`https://${HOST}/\u0000`, "a NUL"],
    [`https://${HOST}/${"a".repeat(16_384)}`, "more than 16 KiB"],
    ["", "nothing"],
  ])("%j: %s", (text) => {
    expect(gateUrl(text, places)).toBeNull();
  });
});

test("what is forwarded never depends on a second reading of the host", () => {
  const url = gateUrl(`https://${HOST}/a?b#c`, places);
  expect(url).toEqual({
    scheme: "https",
    host: HOST,
    name: { kind: "direct", project: P, container: C, program: "terminal", instance: 1 },
    target: "/a?b",
    href: `https://${HOST}/a?b`,
  });
});
