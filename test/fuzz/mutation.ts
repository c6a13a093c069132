/** Changes to messages that keep most of their structure, so that a parser gets far enough to be wrong. */
import type { Random } from "../arbitrary/random.ts";

const TOKENS = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  " ",
  "\t",
  ":",
  ",",
  ";",
  "=",
  '"',
  "\\",
  "\x7f",
  "\x0b",
  "\xff",
  "\x80",
  "#",
  "@",
  "%00",
  "0\r\n\r\n",
  "0\r\n",
  "1\r\nx\r\n",
  "5;a=b\r\nhello\r\n",
  "ffffffffffffffff\r\n",
  "1fffffffffffff\r\n",
  "-1\r\n",
  "0x1\r\n",
  "00000000000000000\r\n",
  "Content-Length: 3\r\n",
  "Content-Length: 0\r\n",
  "Content-Length: 00000000000000003\r\n",
  "Content-Length: 9007199254740993\r\n",
  "content-length:3\r\n",
  "Content-Length: 3\t\r\n",
  "Transfer-Encoding: chunked\t\r\n",
  "Content-Length : 3\r\n",
  "Content_Length: 3\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: gzip\r\n",
  "transfer-encoding:\tCHUNKED \r\n",
  "Transfer-Encoding: chunked, chunked\r\n",
  "Transfer-Encoding:\r\n",
  "Host: b.example\r\n",
  "Host:\r\n",
  "Connection: close\r\n",
  "Connection: keep-alive\r\n",
  "Connection: upgrade\r\n",
  "Connection: content-length, a,b,c,d,e,f,g\r\n",
  "Upgrade: x\r\n",
  "Expect: 100-continue\r\n",
  "Trailer: a\r\n",
  " folded\r\n",
  "\tfolded\r\n",
  "X: y\r\n",
  "X:\r\n",
  "X: \t \r\n",
  ": y\r\n",
  "HTTP/1.0",
  "HTTP/1.1",
  "HTTP/1.2",
  "HTTP/2.0",
  "http/1.1",
  "GET ",
  "HEAD ",
  "CONNECT ",
  "OPTIONS * ",
  "http://a.example",
  "/",
  "*",
  "?",
  "//",
  "GET / HTTP/1.1\r\nHost: s\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
  "HTTP/1.1 100 C\r\n\r\n",
  " 101 ",
  " 204 ",
  " 304 ",
  " 200 ",
  " 099 ",
  "x".repeat(64),
] as const;

/** Between one and four changes; now and then the head of one message on the rest of another. */
export function mutated(seeds: readonly Uint8Array[], random: Random): Buffer {
  let bytes = Buffer.from(random.pick(seeds));
  for (let changes = random.between(1, 4); changes > 0; changes--)
    bytes = changed(bytes, seeds, random);
  return bytes.subarray(0, 2_000);
}

function changed(bytes: Buffer, seeds: readonly Uint8Array[], random: Random): Buffer<ArrayBuffer> {
  const at = place(bytes, random);
  const token = Buffer.from(random.pick(TOKENS), "latin1");
  const until = Math.min(bytes.length, at + random.between(0, 12));
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (random.between(0, 7)) {
    case 0:
    case 1:
      return Buffer.concat([before, token, after]);
    case 2:
      return Buffer.concat([before, token, bytes.subarray(until)]);
    case 3:
      return Buffer.concat([before, bytes.subarray(until)]);
    case 4:
      return Buffer.concat([before, bytes.subarray(at, until), after]);
    case 5:
      return Buffer.concat([before, Buffer.of(random.between(0, 255)), bytes.subarray(at + 1)]);
    case 6: {
      const other = Buffer.from(random.pick(seeds));
      return Buffer.concat([before, other.subarray(place(other, random))]);
    }
    default:
      return Buffer.from(before);
  }
}

/** Any offset, but more often the beginning or the end of a line. */
function place(bytes: Buffer, random: Random): number {
  const any = random.between(0, bytes.length);
  if (random.chance(0.4)) return any;
  const end = bytes.indexOf("\r\n", any);
  return end === -1 ? any : end + (random.chance(0.7) ? 2 : 0);
}
