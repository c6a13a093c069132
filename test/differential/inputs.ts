// Bytes that both edges get: each hostile or odd request of the security cases, and what an ordinary client sends. `@` is an open
// container's host, `<at>` the character, `<closed>` one that refuses everybody, `<key>` one that wants the credential `k3y`.
import fc from "fast-check";

const CLOSE = "Connection: close";
const HOST = "Host: @";

function head(line: string, ...lines: string[]): string {
  return `${[line, HOST, ...lines, CLOSE].join("\r\n")}\r\n\r\n`;
}

const get = (...lines: string[]) => head("GET /x HTTP/1.1", ...lines);
const post = (body: string, ...lines: string[]) => head("POST /x HTTP/1.1", ...lines) + body;
const chunked = (body: string) => post(body, "Transfer-Encoding: chunked");
const keyed = (target: string, ...lines: string[]) =>
  `${[`GET ${target} HTTP/1.1`, "Host: <key>", ...lines, CLOSE].join("\r\n")}\r\n\r\n`;

const ORDINARY = [
  get(),
  get("Accept: */*", "User-Agent: test", "Accept-Language: eo", "X-Own: 1"),
  get("X-Own: 1", "x-OWN: 2", "Cookie: a=1", "Cookie: b=2"),
  head("GET /a%20b/%C3%A9?q=%26&r HTTP/1.1"),
  head("HEAD /x HTTP/1.1"),
  head("OPTIONS /x HTTP/1.1"),
  head("DELETE /x HTTP/1.1"),
  head("PROPFIND /x HTTP/1.1", "Depth: 1"),
  `${head("PUT /x HTTP/1.1", "Content-Length: 3")}abc`,
  `${head("PATCH /x HTTP/1.1", "Content-Length: 3")}abc`,
  `${head("DELETE /x HTTP/1.1", "Content-Length: 3")}abc`,
  head("GET /x HTTP/1.1", "Content-Length: 0"),
  post("abc", "Content-Length: 3"),
  post("", "Content-Length: 0"),
  post(""),
  chunked("0\r\n\r\n"),
  chunked("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
  post("abc", "Content-Length: 3", "Expect: 100-continue"),
  "GET /x HTTP/1.0\r\nHost: @\r\n\r\n",
  "GET /1 HTTP/1.1\r\nHost: @\r\n\r\n",
  "GET /x HTTP/1.1\r\nHost: <closed>\r\nConnection: close\r\n\r\n",
  "GET /x HTTP/1.1\r\nHost: nowhere.test\r\nConnection: close\r\n\r\n",
  `\r\n${get()}`,
];

const FRAMED_TWICE: readonly (readonly [line: string, body: string])[] = [
  ["Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"],
  ["Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"],
  ["Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"],
  ["Transfer-Encoding: chunked, identity", "0\r\n\r\n"],
  ["Transfer-Encoding: identity", "0\r\n\r\n"],
  ["Transfer-Encoding: xchunked", "0\r\n\r\n"],
  ["Transfer-Encoding: \x0bchunked", "0\r\n\r\n"],
  ["Transfer-Encoding:", "0\r\n\r\n"],
  ["Transfer-Encoding: gzip, chunked", "0\r\n\r\n"],
  ["Transfer-Encoding: CHUNKED", "0\r\n\r\n"],
  ["Transfer-Encoding: chunked,", "3\r\nabc\r\n0\r\n\r\n"],
  ["Transfer-Encoding:\tchunked", "3\r\nabc\r\n0\r\n\r\n"],
  ["Content-Length: 3,3", "abc"],
  ["Content-Length: 3\r\nContent-Length: 4", "abc"],
  ["Content-Length: 0\r\nContent-Length: 3", "abc"],
  ["Content-Length: 3\r\nContent-Length: 3", "abc"],
  ["Content-Length: +3", "abc"],
  ["Content-Length: -3", "abc"],
  ["Content-Length: 0x3", "abc"],
  ["Content-Length:", "abc"],
  ["Content-Length: 18446744073709551619", "abc"],
  ["Content-Length: 1_0", "abc"],
  ["Content-Length: 3 3", "abc"],
  ["Content-Length: 003", "abc"],
];

const CHUNKS = [
  "0x3\r\nabc\r\n0\r\n\r\n",
  "-3\r\nabc\r\n0\r\n\r\n",
  "+3\r\nabc\r\n0\r\n\r\n",
  "\r\nabc\r\n0\r\n\r\n",
  ";a\r\nabc\r\n0\r\n\r\n",
  "g\r\nabc\r\n0\r\n\r\n",
  "10000000000000003\r\nabc\r\n0\r\n\r\n",
  "00000000000000003\r\nabc\r\n0\r\n\r\n",
  "0003\r\nabc\r\n0\r\n\r\n",
  "3 \r\nabc\r\n0\r\n\r\n",
  " 3\r\nabc\r\n0\r\n\r\n",
  "3\nabc\r\n0\r\n\r\n",
  "3\rabc\r\n0\r\n\r\n",
  "3;a\nabc\r\n0\r\n\r\n",
  "3;\0\r\nabc\r\n0\r\n\r\n",
  "3\r\nabc0\r\n\r\n",
  "3\r\nabcd\r\n0\r\n\r\n",
  "3\r\nabc\r\nzz\r\n",
  "3;a\r\nabc\r\n0\r\n\r\n",
  '3;a="\\"b"\r\nabc\r\n0;z\r\n\r\n',
  "3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
  "3\r\nabc\r\n0\r\nContent-Length: 5\r\nHost: evil.test\r\n\r\n",
  "3\r\nabc\r\n0\r\nX-Key: good\r\nX-Realmgate-Groups: admin\r\n\r\n",
  "3\r\nabc\r\n0\r\nGET /smuggled HTTP/1.1\r\nHost: @\r\n\r\n",
];

const HEADS = [
  "GET / HTTP/1.1\nHost: @\n\n",
  "GET / HTTP/1.1\r\nHost: @\r\nX: 1\nY: 2\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: @\r\n\n",
  "GET / HTTP/1.1\r\nHost: @\r\nX: a\rb\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: @\r\nX: a\0b\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: @\r\nX\0: b\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: @\r\nX: a\x01b\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: @\r\nX: a\r\n b\r\n\r\n",
  "GET / HTTP/1.1\r\n Host: @\r\nHost: @\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: @\r\nX : a\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: @\r\n: a\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: @\r\nX(: a\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: @\r\nX\xe9: a\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: @\r\nXa\r\n\r\n",
  "GET /a b HTTP/1.1\r\nHost: @\r\n\r\n",
  "GET  /a HTTP/1.1\r\nHost: @\r\n\r\n",
  "GET\t/a\tHTTP/1.1\r\nHost: @\r\n\r\n",
  "GET /\0 HTTP/1.1\r\nHost: @\r\n\r\n",
  "GET / HTTP/1.2\r\nHost: @\r\n\r\n",
  "GET / HTTP/2.0\r\nHost: @\r\n\r\n",
  "GET /\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "PROXY TCP4 198.51.100.7 127.0.0.1 1 80\r\nGET / HTTP/1.1\r\nHost: @\r\n\r\n",
  `GET /${"a".repeat(17_000)} HTTP/1.1\r\nHost: @\r\n\r\n`,
  `GET / HTTP/1.1\r\nHost: @\r\nX: ${"a".repeat(17_000)}\r\n\r\n`,
  `GET / HTTP/1.1\r\nHost: @\r\n${"X: a\r\n".repeat(220)}\r\n`,
  "POST / HTTP/1.0\r\nHost: @\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  head("FOO / HTTP/1.1"),
  head("get / HTTP/1.1"),
  head("CONNECT @:443 HTTP/1.1"),
  head("CONNECT / HTTP/1.1"),
  head("TRACE / HTTP/1.1"),
  head("GET example.test:80 HTTP/1.1"),
  head("GET ftp://example.test/ HTTP/1.1"),
  head("OPTIONS * HTTP/1.1"),
  head("GET * HTTP/1.1"),
  head("GET x HTTP/1.1"),
  head("GET http://@/x?y=1 HTTP/1.1"),
  head("GET http://<closed>/a HTTP/1.1"),
  get("Expect: something"),
  `${get("Content-Length: 3")}abc`,
  `${head("HEAD /x HTTP/1.1", "Content-Length: 3")}abc`,
  `${get("Transfer-Encoding: chunked")}3\r\nabc\r\n0\r\n\r\n`,
  `GET /1 HTTP/1.1\r\nHost: @\r\n\r\n${get()}`,
  `POST / HTTP/1.1\r\nHost: <closed>\r\nContent-Length: 3\r\n\r\nabc${get()}`,
  `GET / HTTP/1.1\r\nHost: <closed>\r\n\r\n${get()}`,
];

const HOSTS = [
  ...["@.", "@..", "@:443", "@:1", "@:", "@:0", "@:65536", "@:abc", "@:-1", "@:080"],
  ...[
    "",
    "user:pass<at>@",
    "@/x",
    "@\0",
    "x.@",
    "%61@",
    "@%2e",
    "@\xe9",
    "@_",
    "@ x",
    "@\t",
    "@,x",
  ],
].map((host) => `GET /x HTTP/1.1\r\nHost: ${host}\r\n${CLOSE}\r\n\r\n`);

const HOST_LINES = [
  "Host: @\r\nHost: @",
  "Host: @\r\nHost: example.test",
  "Host: example.test\r\nHost: @",
  "Host: @\r\nHost:",
  "X: y",
].map((lines) => `GET /x HTTP/1.1\r\n${lines}\r\n${CLOSE}\r\n\r\n`);

const TARGETS = [
  ...["/a/../b", "/a/%2e%2e/b", "/%2e%2e/x", "/./a", "//x", "/a//b", "/a\\b", "/a;b=c", "/a%00b"],
  ...["/?", "/?a?b", "/#x", "/a#b?c", "/\xe9", "/%e9", "/{x}|^`", '/"<>', "/%", "/%zz", "/a%2fb"],
].map((target) => head(`GET ${target} HTTP/1.1`));

const CLAIMS = [
  ...["X-Forwarded-For: 198.51.100.7", "X-Real-IP: 198.51.100.7", "Forwarded: for=198.51.100.7"],
  ...["X_Forwarded_For: 198.51.100.7", "X-Client-IP: 198.51.100.7", "X-Forwarded-Host: evil"],
  ...["X-Forwarded-Proto: https", "X-Original-URL: /admin", "X-HTTP-Method-Override: DELETE"],
  ...["X_HTTP_Method_Override: DELETE", "X~Original~URL: /admin", "X-Realmgate-Groups: root"],
  ...["X_Realmgate_Groups: root", "x!realmgate~user: root", "X.Forwarded.For: 10.9.9.9"],
  ...["Connection: X-Forwarded-For", "Connection: Host, X-Own", "Connection: a,b,c,d,e,f,g,h,i"],
  ...["Proxy-Authorization: Basic eDp5", "TE: trailers", "Keep-Alive: timeout=9", "Trailer: X-T"],
  ...["Upgrade: h2c", "Upgrade: websocket", "traceparent: 00-1", "Via: 1.1 x", "Date: x"],
].map((line) => get(line, "X-Own: 1"));

const CREDENTIALS = [
  keyed("/p"),
  keyed("/p", "X-Key: k3y"),
  keyed("/p", "x-key: k3y", "Connection: X-Key"),
  keyed("/p", "X-Key: bad"),
  keyed("/p", "X-Key: k3y", "X-Key: k3y"),
  keyed("/p", "X-Key: k3y", "X_Key: k3y"),
  keyed("/p", "Cookie: tok=k3y; a=1"),
  keyed("/p", "Cookie: a=1", "Cookie: tok=k3y"),
  keyed("/p", "Cookie: tok=k3y; tok=k3y"),
  keyed("/p", "Cookie: tok=bad"),
  keyed("/p?tok=k3y&a=%2f"),
  keyed("/p?a=%2f&tok=k3y&b=+"),
  keyed("/p?tok=k3y&tok=k3y"),
  keyed("/p?%74ok=k3y"),
  keyed("/p?tok=k%33y"),
  keyed("/p?tok=bad"),
];

export const INPUTS: readonly string[] = [
  ...ORDINARY,
  ...FRAMED_TWICE.map(([lines, body]) => post(body, lines)),
  ...CHUNKS.map(chunked),
  ...HEADS,
  ...HOSTS,
  ...HOST_LINES,
  ...TARGETS,
  ...CLAIMS,
  ...CREDENTIALS,
];

const token = fc.constantFrom("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW");
const segment = fc.constantFrom("a", "..", ".", "", "%2e", "%2F", "b c", "\\", "\xe9", ";x", "%");
const target = fc
  .tuple(fc.array(segment, { maxLength: 4 }), fc.constantFrom("", "?", "?q=1", "?tok=k3y&a=b"))
  .map(([segments, query]) => `/${segments.join("/")}${query}`);
const version = fc.constantFrom("HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.3");
const line = fc.constantFrom(
  ...["Accept: text/html", "X-Own: 1", "x-own:  2 \t", "Cookie: a=1; tok=k3y", "Cookie: b=2"],
  ...["X-Key: k3y", "X-Forwarded-For: 1.2.3.4", "X-Realmgate-User: x", "Connection: x-own"],
  ...["Authorization: Basic eDp5", "Authorization: Bearer x", "Expect: 100-continue", "X_Own: 3"],
  ...["Range: bytes=0-1", "Origin: https://x.test", "Empty:", "X-Utf: \xc3\xa9", "Upgrade: foo"],
  ...["Content-Type: text/plain", " folded", "Bad Name: 1", "Host: other.test", "TE: gzip"],
);
const body = fc.constantFrom(
  ...[
    "",
    "",
    "",
    "Content-Length: 3|abc",
    "Content-Length: 0|",
    "Transfer-Encoding: chunked|0\r\n\r\n",
  ],
  ...["Transfer-Encoding: chunked|3\r\nabc\r\n0\r\n\r\n", "Content-Length: 03|abc"],
  ...["Transfer-Encoding: chunked|3;x=y\r\nabc\r\n0\r\nX-T: 1\r\n\r\n", "Content-Length: 3,3|abc"],
);

/** One request that is mostly right. */
export const generated: fc.Arbitrary<string> = fc
  .record({
    token,
    target,
    version,
    host: fc.constantFrom("@", "@", "<key>", "<closed>", "@:80", "@."),
    lines: fc.array(line, { maxLength: 4 }),
    body,
  })
  .map(({ token, target, version, host, lines, body }) => {
    const [framing = "", content = ""] = body.split("|");
    const all = [`Host: ${host}`, ...lines, ...(framing === "" ? [] : [framing]), CLOSE];
    return `${token} ${target} ${version}\r\n${all.join("\r\n")}\r\n\r\n${content}`;
  });
